// One emergency on the board: who, where, since when, what was done, and what can be done next.

import { OVER, distance, statusLabel, typeLabel } from "../lib/emergencies.js";
import { words } from "../lib/format.js";
import { t } from "../lib/i18n.js";
import { backoff, useResource } from "../lib/resource.js";
import { clock, lasting, moment, time } from "../lib/time.js";
import { Icon, announce, html, useEffect, useRef, useState } from "../lib/ui.js";
import { reload, take } from "../state/live.js";
import { settle } from "../state/once.js";
import { api, user } from "../state/session.js";
import { Fresh } from "./panel.js";
import { refused } from "./toasts.js";

const ICON_OF = { critical: "critical", high: "warning", medium: "warning", low: "info" };
const NEXT = { reported: ["acknowledge", "Acknowledge"], acknowledged: ["in-progress", "In progress"] };
const ENDINGS = {
  resolve: { label: "How it ended (others may read it later)", send: "Resolve", icon: "check", field: "resolution", done: "Resolved." },
  "false-alarm": { label: "Why it is none (others may read it later)", send: "Close as false alarm", icon: "close", field: "reason", done: "Closed as a false alarm." },
};
const SUGGESTED_MS = 20_000;
const STEPS = [["reported_at", "Reported"], ["acknowledged_at", "Acknowledged"], ["in_progress_at", "In progress"], ["resolved_at", "Resolved"], ["closed_at", "Closed"]];

/** What was begun about an emergency, by its id: its card moves from column to column, and what was being written goes with it. */
const begun = new Map();
// What one has begun to write is not for the next to send.
user.subscribe(() => begun.clear());
/** Keys that a card has answered. */
const answered = new WeakSet();

/** A state of a card that outlives its place on the board. */
function useBegun(id, name, initial) {
  const [value, setValue] = useState(() => begun.get(id)?.[name] ?? initial);
  const set = (next) => {
    begun.set(id, { ...begun.get(id), [name]: next });
    setValue(next);
  };
  return [value, set];
}

/** A number that can be called, as a link that calls it; other words as they are. */
export function Contact({ contact }) {
  const digits = contact?.replace(/[\s-]/g, "");
  return /^\+?\d{3,15}$/.test(digits ?? "") ? html`<a class="tel" href=${`tel:${digits}`}><${Icon} name="phone" />${contact}</a>` : html`<span>${contact}</span>`;
}

function Suggestions({ path, onAssign, first, turn }) {
  // Who is free changes with what others do: with each emergency, and where nobody is told of it.
  const resource = useResource(async () => (await api.get(`${path}/suggestions`)).items, [turn], { on: ["emergency"], every: SUGGESTED_MS });
  return html`<${Fresh} resource=${resource} rows=${2} what=${t("Who is free could not be loaded.")}>${(items) => (items.length === 0 ? html`<p class="sos-none">${t("Nobody is free at this temple.")}</p>`
    : html`<ul class="sos-suggestions">${items.slice(0, 5).map((one, index) => html`<li class="sos-suggestion" key=${one.resource_id} data-best=${index === 0 ? "" : undefined}>
    <span class="sos-name"><strong>${one.name}</strong> ${words(one.type)}</span><span class="sos-distance">${distance(one.distance_m, one.distance_approximate)}</span>
    ${one.contact && html`<span class="sos-contact"><${Contact} contact=${one.contact} /></span>`}
    <button type="button" class="button" ref=${index === 0 ? first : undefined} aria-label=${t("Assign {name}", { name: one.name })} data-assign=${one.resource_id} onClick=${() => onAssign(one)}>${t("Assign")}</button></li>`)}</ul>`)}</${Fresh}>`;
}

/** Who took each step, as the emergency has it. */
const BY = { acknowledge: "acknowledged_by", "in-progress": "in_progress_by", resolve: "resolved_by", "false-alarm": "closed_by" };

/** Whether an emergency is as one wanted it, by oneself: after a lost answer that tells whether it was done. */
function isAsMeant(whole, verb, body) {
  if (BY[verb]) return Boolean(user.value) && whole[BY[verb]] === user.value.id;
  const isSent = (whole.resources ?? []).some((one) => one.resource_id === body.resource_id && !one.released_at);
  return isSent === (verb === "assign");
}

/** The card. `command` is what a key asked for, `{ verb }`. */
export function SosCard({ emergency, now, sites, command }) {
  const path = `/api/emergency/${encodeURIComponent(emergency.id)}`;
  const [busy, setBusy] = useState(false);
  const [offered, setOffered] = useBegun(emergency.id, "offered", false);
  const [ending, setEnding] = useBegun(emergency.id, "ending", null);
  const [note, setNote] = useBegun(emergency.id, "note", "");
  const [reporter, setReporter] = useState(null);
  const [turn, setTurn] = useState(0);
  const field = useRef(null);
  const firstSuggestion = useRef(null);
  const isOver = OVER.includes(emergency.status);
  const at = time(emergency.reported_at) ?? now;
  const until = time(emergency.resolved_at ?? emergency.closed_at);
  const canResolve = emergency.status === "in_progress";

  // Who reported it, and how to reach them: only the document of one tells.
  useEffect(() => {
    if (isOver || reporter) return undefined;
    let left = false;
    let timer = 0;
    const ask = (failures) => api.get(path).then((whole) => !left && setReporter(whole.reporter ?? { name: t("a device") }), (error) => {
      if (!left && error.isAway) timer = setTimeout(() => ask(failures + 1), backoff(failures));
    });
    ask(0);
    return () => {
      left = true;
      clearTimeout(timer);
    };
  }, [isOver]);

  const act = async (verb, body, done) => {
    if (busy) return false;
    setBusy(true);
    try {
      take("emergency", await settle(() => api.patch(`${path}/${verb}`, body), path, (whole) => isAsMeant(whole, verb, body)));
      announce(t(done));
      return true;
    } catch (error) {
      refused(error);
      // Somebody else was first, or nobody knows what came of it: how it stands now is asked for.
      if (error.status === 409 || error.isUnknown) api.get(path).then((whole) => take("emergency", whole), () => reload("emergencies"));
      return false;
    } finally {
      setBusy(false);
    }
  };
  const step = async () => {
    const [verb, label] = NEXT[emergency.status];
    // Before the card moves: it is shown anew in its next column.
    if (verb === "acknowledge") setOffered(true);
    await act(verb, {}, `${label}.`);
  };
  const end = (verb) => {
    setEnding(ending === verb ? null : verb);
    setTimeout(() => field.current?.focus(), 0);
  };
  const close = async (event) => {
    event.preventDefault();
    const { field: name, done } = ENDINGS[ending];
    if (await act(ending, note.trim() ? { [name]: note.trim() } : {}, done)) {
      setNote("");
      setEnding(null);
    }
  };
  const assign = async (one) => {
    await act("assign", { resource_id: one.resource_id }, `${one.name}`);
    setTurn((before) => before + 1);
  };
  useEffect(() => {
    if (!command || isOver || answered.has(command)) return;
    answered.add(command);
    if (command.verb === "acknowledge" && NEXT[emergency.status]) step();
    else if (command.verb === "dispatch") setOffered(true);
    else if (command.verb === "resolve" && canResolve) end("resolve");
    else if (command.verb === "resolve") announce(t("It is not in progress yet."));
  }, [command]);

  const label = t(statusLabel(emergency.status));
  const place = sites.find((one) => one.slug === emergency.temple_id)?.name ?? emergency.temple_id ?? t("Place not known");
  const { location } = emergency;
  const crew = (emergency.resources ?? []).filter((one) => !one.released_at);
  const outcome = [emergency.status === "resolved" ? null : label, emergency.resolution].filter(Boolean).join(": ");
  const busyAttr = busy ? "true" : undefined;
  return html`<li class="sos-card" id=${`sos-${emergency.id}`} tabindex="-1" data-id=${emergency.id} data-severity=${emergency.severity} data-status=${emergency.status}
    aria-label=${`${words(emergency.severity)}, ${t(typeLabel(emergency.type))}, ${label}`}>
    <div class="sos-head"><span class="sos-severity"><${Icon} name=${ICON_OF[emergency.severity] ?? "info"} class="severity-icon" />${words(emergency.severity)}</span>
      <strong class="sos-kind">${t(typeLabel(emergency.type))}${emergency.reported_type ? ` (${emergency.reported_type})` : ""}</strong>
      <time class="sos-age" datetime=${emergency.reported_at} title=${moment(at)}>${until === null ? lasting(now - at) : t("took {time}", { time: lasting(until - at) })}</time></div>
    <p class="sos-place"><span>${[place, emergency.place].filter(Boolean).join(": ")}</span>
      <span class="sos-at">${location ? `${location.lat.toFixed(5)}, ${location.lng.toFixed(5)}` : t("No position")}</span>
      ${location && emergency.location_approximate && html`<span class="tag" data-tone="warning">${t("approximate")}</span>`}
      ${emergency.escalation > 0 && emergency.status === "reported" && html`<span class="sos-climbed">${t("Escalated ×{n}", { n: emergency.escalation })}</span>`}</p>
    <p class="sos-text">${emergency.description ?? ""}</p>
    ${isOver ? outcome && html`<p class="sos-who">${outcome}</p>` : html`<p class="sos-who" data-phone=${reporter?.phone}>${reporter && html`${t("Reported by")} ${reporter.name ?? t("a device")}${reporter.phone ? html`, <${Contact} contact=${reporter.phone} />` : ""}`}</p>`}
    <ol class="sos-timeline" aria-label=${t("What was done")}>${STEPS.filter(([key]) => emergency[key]).map(([key, name]) => html`<li key=${key}><time>${clock(time(emergency[key]))}</time> ${t(name)}</li>`)}</ol>
    ${crew.length > 0 && html`<ul class="sos-sent" aria-label=${t("Assigned")}>${crew.map((one) => html`<li class="sos-crew" key=${one.resource_id}><${Icon} name="check" />${one.name}
      <button type="button" class="button button-quiet" aria-label=${t("Release {name}", { name: one.name })} onClick=${() => act("release", { resource_id: one.resource_id }, one.name)}><${Icon} name="close" /></button></li>`)}</ul>`}
    ${!isOver && html`<div class="sos-buttons">
      ${NEXT[emergency.status] && html`<button type="button" class="button button-main sos-next" aria-busy=${busyAttr} onClick=${step}>${t(NEXT[emergency.status][1])}</button>`}
      <button type="button" class="button sos-choose" aria-expanded=${offered} aria-busy=${busyAttr} onClick=${() => setOffered(!offered)}>${t("Who goes?")}</button>
      ${canResolve && html`<button type="button" class="button sos-resolve" aria-expanded=${ending === "resolve"} onClick=${() => end("resolve")}><${Icon} name="check" />${t("Resolve…")}</button>`}
      <button type="button" class="button sos-dismiss" aria-expanded=${ending === "false-alarm"} onClick=${() => end("false-alarm")}><${Icon} name="close" />${t("False alarm…")}</button></div>`}
    ${!isOver && offered && html`<div class="sos-offered"><${Suggestions} path=${path} onAssign=${assign} first=${firstSuggestion} turn=${turn} /></div>`}
    ${!isOver && ending && html`<form class="sos-note" onSubmit=${close}><label for=${`note-${emergency.id}`}>${t(ENDINGS[ending].label)}</label>
      <textarea id=${`note-${emergency.id}`} rows="2" maxlength="2000" ref=${field} value=${note} onInput=${(event) => setNote(event.target.value)}></textarea>
      <button type="submit" class="button button-main" aria-busy=${busyAttr}><${Icon} name=${ENDINGS[ending].icon} />${t(ENDINGS[ending].send)}</button></form>`}
  </li>`;
}
