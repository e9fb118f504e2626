// One darshan booking: the pilgrim's own with its ticket; for operators whose it is, what became of it and what can be done about it.

import { words } from "../../lib/format.js";
import { plural, t } from "../../lib/i18n.js";
import { newNonce } from "../../lib/nonce.js";
import { useResource } from "../../lib/resource.js";
import { address } from "../../lib/router.js";
import { day, moment, slotTimes, time, zoneMark } from "../../lib/time.js";
import { announce, html, useState } from "../../lib/ui.js";
import { Form, Sheet } from "../../parts/form.js";
import { Card, Empty, Panel } from "../../parts/panel.js";
import { Contact } from "../../parts/sos-card.js";
import { STATUS, Ticket } from "../../parts/ticket.js";
import { refused, toast } from "../../parts/toasts.js";
import { serverNow, useStore } from "../../state/live.js";
import { settle, useOnce } from "../../state/once.js";
import { api, user } from "../../state/session.js";

const EVERY_MS = 15_000;
const TONES = { confirmed: "good", checked_in: "good", waitlisted: "info", cancelled: undefined, revoked: "warning", no_show: "warning" };
const STEPS = [["created_at", "Created"], ["promoted_at", "Got its places"], ["checked_in_at", "Checked in"], ["exited_at", "Left"], ["ended_at", "Ended"]];
// What a supervisor may set aside.
const FORGIVEN = ["too_early", "too_late", "wrong_day", "revoked"];

/** A scan with the name by which the server knows it when it is sent again. */
const named = (scan) => ({ ...scan, nonce: newNonce() });

/** What an operator does about it: lets them in and out, gives a new ticket, revokes it. */
function Work({ booking, onChanged }) {
  const [busy, setBusy] = useState(false);
  const [asking, setAsking] = useState(null);
  const sendOnce = useOnce();
  const path = `/api/bookings/${booking.id}`;
  const at = { temple_id: booking.temple_id };
  const act = async (run, done) => {
    if (busy) return;
    setBusy(true);
    try {
      await run();
      announce(done);
      toast({ title: done, text: booking.booking_code });
    } catch (error) {
      if (FORGIVEN.includes(error.reason)) setAsking("override");
      refused(error, t("Not done"));
    }
    setBusy(false);
    onChanged();
  };
  const button = (label, allowed, run, kind = "") => allowed && html`<button type="button" class=${`button ${kind}`} aria-busy=${busy ? "true" : undefined} onClick=${run}>${label}</button>`;
  const reason = [{ name: "reason", label: t("Why"), required: true, maxlength: 200, wide: true }];
  const asked = { override: [t("Let in anyway"), t("Let in"), t("For supervisors. Who did it and why is kept.")], revoke: [t("Revoke this booking?"), t("Revoke"), t("The pilgrim is told why. The ticket is refused from now on.")] }[asking];
  const send = async (body) => {
    if (asking === "override") await sendOnce(`${path}/override`, { ...at, ...body }, named);
    else await settle(() => api.post(`${path}/revoke`, body), path, (one) => one.status === "revoked");
    setAsking(null);
    onChanged();
  };
  return html`<div class="form-buttons" role="group" aria-label=${t("Actions")}>
    ${button(t("Let in"), booking.status === "confirmed", () => act(() => sendOnce(`${path}/checkin`, at, named), t("Checked in")), "button-main")}
    ${button(t("Let in anyway…"), booking.status === "confirmed" || booking.status === "no_show", () => setAsking("override"))}
    ${button(t("Let out"), booking.status === "checked_in", () => act(() => sendOnce(`${path}/exit`, {}, named), t("Goodbye")), "button-main")}
    ${button(t("New ticket"), booking.status === "confirmed", () => act(() => api.post(`${path}/reissue`), t("There is a new ticket; those before are refused.")))}
    ${button(t("Revoke"), ["confirmed", "waitlisted"].includes(booking.status), () => setAsking("revoke"))}</div>
    ${asked && html`<${Sheet} title=${asked[0]} onClose=${() => setAsking(null)}><p class="hint">${asked[2]}</p><${Form} isNew danger=${asking === "revoke"} fields=${reason} submit=${asked[1]} onCancel=${() => setAsking(null)} onSubmit=${send} /></${Sheet}>`}`;
}

function Facts({ booking, temple }) {
  const zone = temple?.time_zone;
  const names = booking.visitors.map((one) => (one.age ? `${one.name} (${one.age})` : one.name)).join(", ");
  const facts = [
    [t("Temple"), temple?.name ?? booking.temple_id], [t("Slot"), `${day(time(booking.starts_at), zone)}, ${slotTimes(booking.slot)}${zoneMark(time(booking.starts_at), zone)}`], [t("People"), plural(booking.party_size, "party of {n}", "party of {n}")],
    ...(names ? [[t("Their names"), names]] : []),
    ...(booking.pilgrim ? [[t("Booked by"), booking.pilgrim.name], ...(booking.pilgrim.phone ? [[t("Phone"), html`<${Contact} contact=${booking.pilgrim.phone} />`]] : [])] : []),
    ...(booking.gate ? [[t("Gate"), booking.gate]] : []), ...(booking.reason ? [[t("Why"), booking.reason]] : []),
  ];
  return html`<dl class="facts">${facts.map(([name, value]) => html`<div key=${name}><dt>${name}</dt><dd>${value}</dd></div>`)}</dl>
    <ol class="sos-timeline booking-steps" aria-label=${t("What happened to it")}>${STEPS.filter(([key]) => booking[key]).map(([key, label]) => html`<li key=${key}><time>${moment(time(booking[key]), zone)}</time> ${t(label)}</li>`)}</ol>`;
}

/** The page. */
export default function BookingPage({ site, detail }) {
  const state = useStore("sites");
  const resource = useResource(async () => {
    try {
      return await api.get(`/api/bookings/${encodeURIComponent(detail)}`);
    } catch (error) {
      if (error.status === 404) return { missing: true };
      throw error;
    }
  }, [detail], { every: EVERY_MS });
  const back = state.operator ? html`<a class="button" href=${address(site, "gate")}>${t("To the gate")}</a>` : html`<a class="button" href=${address(site, "tickets")}>${t("All tickets")}</a>`;
  if (!detail || resource.data?.missing) return html`<div class="page"><${Card}><${Empty} action=${back}>${t("There is no such booking, or it is somebody else's.")}</${Empty}></${Card}></div>`;
  const booking = resource.data;
  const temple = state.sites.find((one) => one.slug === booking?.temple_id);
  const title = booking ? html`${booking.booking_code} <span class="tag" data-tone=${TONES[booking.status]}>${t(STATUS[booking.status] ?? words(booking.status))}</span>` : t("Booking");
  const isOwn = booking?.user_id === user.value?.id;
  const isAhead = booking && ["confirmed", "waitlisted"].includes(booking.status) && time(booking.ends_at) > serverNow();
  return html`<div class="page booking-page"><h1 class="visually-hidden">${t("Booking")}</h1>
    <${Panel} title=${title} id="booking" resource=${resource} actions=${back}>${() => html`<div class="panel-body">
      <${Facts} booking=${booking} temple=${temple} />${state.operator && html`<${Work} booking=${booking} onChanged=${resource.reload} />`}</div>`}</${Panel}>
    ${isOwn && isAhead && html`<ul class="tickets"><${Ticket} booking=${booking} onChanged=${resource.reload} /></ul>`}
  </div>`;
}
