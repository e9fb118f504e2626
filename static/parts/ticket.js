// One booking of the visitor's own: its ticket to show at the gate, or its place in the line.

import { plural, t } from "../lib/i18n.js";
import { words } from "../lib/format.js";
import { address } from "../lib/router.js";
import { day, slotTimes, time, zoneMark } from "../lib/time.js";
import { Icon, html, useEffect, useRef, useState } from "../lib/ui.js";
import { serverNow, store, useStore } from "../state/live.js";
import { keptPicture } from "../state/bookings.js";
import { settle } from "../state/once.js";
import { api } from "../state/session.js";
import { urgent } from "./banner.js";
import { Refusal } from "./form.js";
import { save } from "./table.js";

/** What a booking's states are called. */
export const STATUS = { confirmed: "Confirmed", waitlisted: "On the waitlist", checked_in: "Checked in", no_show: "Did not come", expired: "No places came free" };

function hintOf(booking) {
  if (booking.status === "waitlisted") return t("Number {n} in line. You are told as soon as places come free.", { n: booking.waitlist_position });
  if (booking.status === "confirmed") return t("Show this at the gate. It opens 30 minutes before the slot.");
  return booking.reason ? words(booking.reason) : "";
}

/** The visit as a calendar has it (RFC 5545). */
function calendarFile(booking, place) {
  const at = (text) => new Date(time(text)).toISOString().replace(/[-:]|\.\d{3}/g, "");
  const text = (words_) => words_.replace(/([\\;,])/g, "\\$1").replace(/\n/g, "\\n");
  const lines = ["BEGIN:VCALENDAR", "VERSION:2.0", "PRODID:-//Gatehouse//Console//EN", "BEGIN:VEVENT", `UID:${booking.id}@gatehouse`, `DTSTAMP:${at(booking.created_at ?? booking.starts_at)}`,
    `DTSTART:${at(booking.starts_at)}`, `DTEND:${at(booking.ends_at)}`, `SUMMARY:${text(`Darshan, ${place}`)}`, `LOCATION:${text(place)}`, `DESCRIPTION:${text(booking.booking_code)}`, "END:VEVENT", "END:VCALENDAR"];
  return new Blob([`${lines.join("\r\n")}\r\n`], { type: "text/calendar" });
}

/** The QR code. The same ticket is not loaded anew whenever its address changes: the network may be gone by then. */
function Qr({ booking, large }) {
  const [address, setAddress] = useState(booking.qr_svg_url);
  const [there, setThere] = useState(false);
  const drawn = useRef(booking.ticket);
  useEffect(() => {
    if (drawn.current !== booking.ticket || (!there && !address.startsWith("data:"))) {
      drawn.current = booking.ticket;
      setAddress(booking.qr_svg_url);
    }
  }, [booking.ticket, booking.qr_svg_url]);
  // Without a network the code is shown as it was kept.
  const failed = () => {
    const known = keptPicture(booking);
    if (known && known !== address) setAddress(known);
    else setThere(false);
  };
  return html`<img class=${large ? "ticket-qr ticket-qr-large" : "ticket-qr"} src=${address} alt=${t("QR code of booking {code}", { code: booking.booking_code })} width="320" height="320" hidden=${!there}
    onLoad=${() => setThere(true)} onError=${failed} />`;
}

/** The card; `onChanged()` is called when the booking was given back. */
export function Ticket({ booking, onChanged }) {
  const [asking, setAsking] = useState(false);
  const [state, setState] = useState({ busy: false, error: null });
  const full = useRef(null);
  useStore("broadcasts");
  const [first] = urgent(store.state, serverNow());
  // What was tried in vain is of how it stood then.
  useEffect(() => setState({ busy: false, error: null }), [booking.status]);
  // What is urgent lies across the page: a ticket on the whole screen makes way for it.
  useEffect(() => full.current?.close?.(), [first?.id]);
  const place = store.state.sites.find((one) => one.slug === booking.temple_id)?.name ?? booking.temple_id;
  const zone = store.state.sites.find((one) => one.slug === booking.temple_id)?.time_zone;
  const can = time(booking.starts_at) > serverNow() && ["confirmed", "waitlisted"].includes(booking.status);
  const isTicket = booking.status === "confirmed" && booking.ticket;
  const hint = hintOf(booking);
  const give = async () => {
    setState({ busy: true, error: null });
    const path = `/api/bookings/${booking.id}`;
    try {
      await settle(() => api.patch(`${path}/cancel`, {}), path, (one) => one.status === "cancelled");
      setState({ busy: false, error: null });
    } catch (error) {
      setState({ busy: false, error });
    }
    setAsking(false);
    onChanged();
  };
  return html`<li class="ticket" data-booking=${booking.id} data-status=${booking.status}>
    <div class="ticket-head"><h3 class="ticket-place">${place}</h3><span class="ticket-status">${t(STATUS[booking.status] ?? words(booking.status))}</span></div>
    <p class="ticket-when">${day(time(booking.starts_at), zone)}, ${slotTimes(booking.slot)}${zoneMark(time(booking.starts_at), zone)} · ${plural(booking.party_size, "party of {n}", "party of {n}")}</p>
    ${isTicket && html`<button type="button" class="ticket-open" aria-label=${t("Show the ticket on the whole screen")} onClick=${() => full.current.showModal()}><${Qr} booking=${booking} /></button>`}
    <p class="ticket-code"><a href=${address(booking.temple_id, "booking", booking.id)}>${booking.booking_code}</a></p>
    ${hint && html`<p class="ticket-hint">${hint}</p>`}
    <${Refusal} error=${state.error} />
    <div class="ticket-foot">
      ${isTicket && html`<button type="button" class="button button-quiet" onClick=${() => save(calendarFile(booking, place), `${booking.booking_code}.ics`)}><${Icon} name="calendar" /> ${t("Add to calendar")}</button>`}
      ${can && !asking && html`<button type="button" class="button ticket-cancel" onClick=${() => setAsking(true)}>${booking.status === "waitlisted" ? t("Leave the waitlist") : t("Cancel booking")}</button>`}
      ${can && asking && html`<div class="ticket-sure" role="group" aria-label=${t("Cancel this booking?")}><p class="hint">${t("The places go to others. Nothing was paid, so nothing is refunded.")}</p>
        <button type="button" class="button ticket-yes" disabled=${state.busy} onClick=${give}>${t("Yes, cancel it")}</button><button type="button" class="button button-quiet" onClick=${() => setAsking(false)}>${t("Keep it")}</button></div>`}
    </div>
    ${isTicket && html`<dialog class="ticket-full" ref=${full} aria-label=${t("Ticket")} onClick=${() => full.current.close()}>
      <${Qr} booking=${booking} large /><p class="ticket-code">${booking.booking_code}</p><p>${place} · ${slotTimes(booking.slot)}</p><button type="button" class="button">${t("Close")}</button></dialog>`}
  </li>`;
}
