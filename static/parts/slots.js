// A temple's slots on a day, and the form that books places in one or joins its waitlist.

import { t } from "../lib/i18n.js";
import { useResource } from "../lib/resource.js";
import { dateAt, day as dayOf, slotTimes, time } from "../lib/time.js";
import { html, useEffect, useRef, useState } from "../lib/ui.js";
import { useChosen } from "../state/chosen.js";
import { serverNow } from "../state/live.js";
import { useOnce } from "../state/once.js";
import { api, user } from "../state/session.js";
import { Refusal } from "./form.js";
import { Fresh } from "./panel.js";
import { toast } from "./toasts.js";

const REFRESH_MS = 10_000;
const AHEAD_DAYS = 120;
const FULLNESS = { full: "Full", past: "Past", closed: "Booking closed", not_open: "Not open yet" };
const BOOKABLE = ["available", "filling", "full"];

function Slot({ slot, picked, onPick }) {
  const waiting = slot.waiting ? `, ${t("{n} waiting", { n: slot.waiting })}` : "";
  return html`<button type="button" class="slot-button" data-slot=${slot.slot} data-status=${slot.status} aria-pressed=${picked} disabled=${!BOOKABLE.includes(slot.status)} onClick=${onPick}>
    <span class="slot-time">${slotTimes(slot.slot)}</span>
    <span class="slot-left">${FULLNESS[slot.status] ? `${t(FULLNESS[slot.status])}${waiting}` : t("{a} of {b} left", { a: slot.left, b: slot.capacity })}</span>
    <span class="slot-bar" aria-hidden="true"><span class="slot-fill" style=${{ inlineSize: `${Math.min(100, Math.round((100 * slot.booked) / slot.capacity))}%` }}></span></span>
  </button>`;
}

function BookingForm({ temple, slot, onBook }) {
  const [party, setParty] = useChosen(`${temple.slug} party`, "1");
  const [visitors, setVisitors] = useChosen(`${temple.slug} visitors`, "");
  const [state, setState] = useState({ busy: false, error: null });
  const field = useRef(null);
  useEffect(() => {
    field.current.scrollIntoView({ block: "nearest" });
    field.current.focus({ preventScroll: true });
  }, [slot.slot]);
  // The places of a booking whose answer was lost are taken, perhaps by it: asked for again, it is the same wish.
  const sent = useRef(false);
  const waits = state.error?.isUnknown ? sent.current : Number(party) > slot.left;
  const hint = waits ? `${slot.left === 0 ? t("The slot is full.") : t("Only {n} places are left.", { n: slot.left })} ${t("You move up by yourself when places come free.")}` : "";
  const submit = async (event) => {
    event.preventDefault();
    if (state.busy) return;
    sent.current = waits;
    setState({ busy: true, error: null });
    try {
      await onBook({ party: Number(party), visitors: visitors.split("\n").map((name) => name.trim()).filter(Boolean), waits });
    } catch (error) {
      setState({ busy: false, error });
    }
  };
  return html`<form class="booking-form" onSubmit=${submit}>
    <h3 class="form-title">${slotTimes(slot.slot)}</h3>
    <div class="field"><label for="party">${t("People")}</label><input id="party" type="number" min="1" max="10" required inputmode="numeric" ref=${field} value=${party} onInput=${(event) => { setParty(event.target.value); setState({ busy: false, error: null }); }} /></div>
    <div class="field"><label for="visitors">${t("Their names (if you like)")}</label><textarea id="visitors" rows="3" placeholder=${t("One name a line")} value=${visitors} onInput=${(event) => { setVisitors(event.target.value); setState({ busy: false, error: null }); }}></textarea></div>
    ${hint && html`<p class="form-hint">${hint}</p>`}
    <${Refusal} error=${state.error} instead=${t("It is not known whether it was booked. Press again: it is booked once.")} />
    ${user.value ? html`<button type="submit" class="button button-main" id="book" disabled=${state.busy}>${waits ? t("Join the waitlist") : t("Book")}</button>`
      : html`<a class="button button-main" href="/console/account/sign-in">${t("Sign in to book")}</a>`}
  </form>`;
}

/** The slots of a temple; `onBooked(booking)`. */
export function Slots({ temple, onBooked }) {
  const today = dateAt(serverNow(), temple.time_zone);
  const [date, setDate] = useChosen(`${temple.slug} date`, today);
  const [picked, setPicked] = useChosen(`${temple.slug} slot`, null);
  const sendOnce = useOnce();
  const resource = useResource(() => api.get(`/api/bookings/temple/${temple.slug}/slots?date=${date}&limit=100`), [temple.slug, date], { every: REFRESH_MS });
  const day = resource.data;
  const slot = day?.items.find((one) => one.slot === picked);
  const words = !day ? "" : day.closed ? t("The temple is closed on this day") : day.items.length === 0 ? t("There are no slots on this day") : day.special ? t("Special day") : "";

  const book = async ({ party, visitors, waits }) => {
    const body = { temple_id: temple.slug, date, slot: picked, party_size: party, visitors };
    try {
      const booking = await sendOnce(waits ? "/api/bookings/waitlist" : "/api/bookings/", body);
      setPicked(null);
      resource.reload();
      toast({ severity: "info", title: booking.status === "waitlisted" ? t("You are on the waitlist") : t("Booked"), text: `${temple.name}, ${dayOf(time(booking.starts_at), temple.time_zone)}, ${slotTimes(booking.slot)}: ${booking.booking_code}` });
      onBooked(booking);
    } catch (error) {
      // Somebody was quicker: the places that are left say so.
      if (error.reason === "full" || error.reason === "places_left") resource.reload();
      throw error;
    }
  };

  return html`<div class="field"><label for="darshan-date">${t("Date")}</label><input id="darshan-date" type="date" required value=${date} min=${today}
      max=${dateAt(serverNow() + AHEAD_DAYS * 86_400_000, temple.time_zone)} onChange=${(event) => { if (event.target.value) { setDate(event.target.value); setPicked(null); } }} /></div>
    <${Fresh} resource=${resource}>${() => html`
      ${words && html`<p class="darshan-note" role="status">${day.reason ? `${words}: ${day.reason}` : words}</p>`}
      <div class="slots" role="group" aria-label=${t("Slots")}>${day.items.map((one) => html`<${Slot} key=${one.slot} slot=${one} picked=${one.slot === picked} onPick=${() => setPicked(one.slot)} />`)}</div>
      ${slot && html`<${BookingForm} temple=${temple} slot=${slot} onBook=${book} />`}`}</${Fresh}>`;
}
