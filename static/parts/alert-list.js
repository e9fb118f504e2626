// Alerts as a list: the gravest first. It does not move under a pointer or a focus: what comes meanwhile waits behind a pill. Many are drawn
// only where they are seen. What is done can be undone for a few seconds, after which the server is told.

import { words } from "../lib/format.js";
import { plural, t } from "../lib/i18n.js";
import { ago, moment, time } from "../lib/time.js";
import { Icon, announce, html, signal, useEffect, useLayoutEffect, useRef, useState } from "../lib/ui.js";
import { reload, store, take, useNow, useStore } from "../state/live.js";
import { settle } from "../state/once.js";
import { api, beforeLeaving, user } from "../state/session.js";
import { Empty } from "./panel.js";
import { printing } from "./print.js";
import { dismiss, refused, toast } from "./toasts.js";

const SEVERITIES = ["critical", "warning", "info"];
const UNDO_MS = 5000;
// Above so many, rows have one height and only those in sight are drawn.
const ALL_DRAWN = 60;
const ROW_PX = 64;
const SPARE = 6;

/** What was done here and is not known to the server yet: by the alert's id, `{ verb, by, send, isSent }`. */
const pending = signal(new Map());

function forget(id) {
  const rest = new Map(pending.value);
  rest.delete(id);
  pending.value = rest;
}

/** Whether an alert is as it was to be, and by whom. */
const isDone = (alert, verb, by) => (verb === "resolve" ? alert.status === "resolved" && alert.resolved_by === by : alert.status !== "active" && alert.acknowledged_by === by);

/** Acknowledges or resolves, in a few seconds; till then it can be undone. `onRefused` is called when the server would not have it. */
function act(alert, verb) {
  pending.value.get(alert.id)?.send();
  const by = user.value?.id;
  const path = `/api/alerts/${encodeURIComponent(alert.id)}`;
  const isMine = () => pending.value.get(alert.id)?.send === send;
  const deed = {
    onRefused() {},
    canUndo: () => isMine() && !pending.value.get(alert.id).isSent,
    undo() {
      if (!deed.canUndo()) return;
      clearTimeout(timer);
      forget(alert.id);
    },
  };
  let sent = null;
  // Once, whoever asks: when the time is over, and before somebody leaves.
  const send = () => (sent ??= sendNow());
  const sendNow = async () => {
    clearTimeout(timer);
    // Never in another's name.
    if (!isMine() || user.value?.id !== by) return;
    pending.value = new Map(pending.value).set(alert.id, { verb, by, send, isSent: true });
    try {
      take("alert", await settle(() => api.patch(`${path}/${verb}`, undefined, { keepalive: true }), path, (now) => isDone(now, verb, by)));
    } catch (error) {
      deed.onRefused();
      refused(error);
      // Someone else was first, or nobody knows what came of it: as it stands now.
      reload("alerts");
    }
    if (isMine()) forget(alert.id);
  };
  const timer = setTimeout(send, UNDO_MS);
  pending.value = new Map(pending.value).set(alert.id, { verb, by, send, isSent: false });
  return deed;
}

/** The notice of what was done, as long as the server has nothing against it. */
function tell(title, text, deeds) {
  const notice = toast({ title, text, undo: () => deeds.forEach((one) => one.undo()), canUndo: () => deeds.some((one) => one.canUndo()) });
  for (const one of deeds) one.onRefused = () => dismiss(notice);
}

/** Acknowledges or resolves one. */
function actOn(alert, verb) {
  const deed = act(alert, verb);
  announce(verb === "resolve" ? t("Alert resolved.") : t("Alert acknowledged."));
  tell(verb === "resolve" ? t("Resolved") : t("Acknowledged"), alert.message.slice(0, 120), [deed]);
}

/** Sends all that waits. */
const sendAll = () => Promise.all([...pending.value.values()].map(({ send }) => send()));

// Who leaves the page, or signs out, has decided.
addEventListener("pagehide", sendAll);
beforeLeaving(sendAll);
// What could not be sent by then is nobody else's to see or to do.
user.subscribe((who) => {
  const own = [...pending.value].filter(([, { by }]) => by === who?.id);
  if (own.length < pending.value.size) pending.value = new Map(own);
});

/** The alert as it will be, when nobody undoes it. */
function foreseen(alert) {
  const verb = pending.value.get(alert.id)?.verb;
  if (!verb) return alert;
  const by = store.state.user?.id;
  return verb === "resolve" ? { ...alert, status: "resolved", resolved_by: by } : { ...alert, status: "acknowledged", acknowledged_by: by };
}

/** The gravest first, of those the ones nobody has seen to, of those the newest. */
export function gravestFirst(alerts) {
  const rank = (alert) => 2 * SEVERITIES.indexOf(alert.severity) + Number(alert.status !== "active");
  return [...alerts].sort((a, b) => rank(a) - rank(b) || (a.id < b.id ? 1 : -1));
}

function whereabouts(alert, state) {
  const site = state.sites.find((one) => one.slug === alert.site)?.name ?? alert.site;
  // What it is about may be a zone, by its site: `somnath/mainDarshan`.
  const [zone, ...further] = alert.subject?.startsWith(`${alert.site}/`) ? alert.subject.split("/").slice(1) : [];
  const subject = zone ? [words(zone), ...further] : [alert.subject?.replace(/^lot:/, "")];
  return [...new Set([site, ...(alert.zones ?? []).map(words), ...subject, alert.location, alert.camera_id])].filter(Boolean).join(" · ");
}

function steps(alert, user) {
  const by = (id) => (id === user?.id ? ` ${t("by you")}` : id === "system" ? ` ${t("by itself")}` : "");
  if (alert.status === "resolved") return `${t("Resolved")}${by(alert.resolved_by)}`;
  if (alert.status === "acknowledged") return `${t("Acknowledged")}${by(alert.acknowledged_by)}`;
  return alert.escalation > 0 ? t("Escalated ×{n}", { n: alert.escalation }) : "";
}

function Alert({ alert: stored, state, now, style }) {
  const alert = foreseen(stored);
  const at = time(alert.timestamp) ?? time(alert.created_at) ?? now;
  const isPending = pending.value.has(alert.id);
  return html`<li class="alert" id=${`alert-${alert.id}`} tabindex="-1" data-severity=${alert.severity} data-status=${alert.status} data-pending=${isPending ? "" : undefined} style=${style}>
    <div class="alert-head"><span class="severity"><${Icon} name=${SEVERITIES.includes(alert.severity) ? alert.severity : "info"} class="severity-icon" />${words(alert.severity)}</span>
      <span class="alert-kind">${words(alert.alert_type)}</span><time class="alert-age" datetime=${alert.timestamp} title=${moment(at)}>${ago(now - at)}</time></div>
    <p class="alert-message" title=${alert.message}>${alert.message}</p>
    <div class="alert-foot"><p class="alert-where"><span class="alert-place">${whereabouts(alert, state)}</span><span class="alert-step">${steps(alert, state.user)}</span></p>
      ${alert.status !== "resolved" && html`<div class="alert-buttons">
        ${alert.status === "active" && html`<button type="button" class="button" aria-label=${`${t("Acknowledge")}: ${alert.message}`} onClick=${() => actOn(stored, "acknowledge")}>${t("Acknowledge")}</button>`}
        <button type="button" class="button" aria-label=${`${t("Resolve")}: ${alert.message}`} onClick=${() => actOn(stored, "resolve")}><${Icon} name="check" />${t("Resolve")}</button></div>`}
    </div></li>`;
}

/** The ids in the order in which they are shown: as they are, or as they were when somebody came to point at one. */
function useFrozen(alerts, list) {
  const [held, setHeld] = useState(null);
  const within = useRef({ pointer: false, focus: false });
  const settle = () => {
    if (!within.current.pointer && !within.current.focus) setHeld(null);
  };
  const hold = () => setHeld((before) => before ?? alerts.map((alert) => alert.id));
  useEffect(() => {
    // The button that had the focus may be gone, which no event tells.
    if (!within.current.focus || list.current?.contains(document.activeElement)) return;
    within.current.focus = false;
    settle();
  });
  const byId = new Map(alerts.map((alert) => [alert.id, alert]));
  const kept = new Set(held ?? []);
  const fresh = held ? alerts.filter((alert) => !kept.has(alert.id)) : [];
  const shown = held ? held.map((id) => byId.get(id) ?? store.state.alerts.get(id)).filter(Boolean) : alerts;
  return {
    shown, fresh: fresh.length, isHeld: held !== null,
    release() {
      setHeld(null);
    },
    handlers: {
      onPointerEnter: (event) => { if (event.pointerType !== "touch") { within.current.pointer = true; hold(); } },
      onPointerLeave: () => { within.current.pointer = false; settle(); },
      onFocusIn: () => { within.current.focus = true; hold(); },
      onFocusOut: (event) => { if (!event.currentTarget.contains(event.relatedTarget)) { within.current.focus = false; settle(); } },
    },
  };
}

/** The list. `limit` shows so many and no more. */
export function AlertList({ alerts, limit, empty }) {
  const state = useStore("sites");
  const now = useNow();
  const list = useRef(null);
  const frame = useRef(null);
  const [scroll, setScroll] = useState({ top: 0, height: 800 });
  const { shown: all, fresh, release, isHeld, handlers } = useFrozen(alerts, list);
  const shown = limit ? all.slice(0, limit) : all;
  const isLong = shown.length > ALL_DRAWN && !printing.value;
  useLayoutEffect(() => {
    if (isLong && frame.current) setScroll({ top: frame.current.scrollTop, height: frame.current.clientHeight });
  }, [isLong]);
  const first = isLong ? Math.max(0, Math.floor(scroll.top / ROW_PX) - SPARE) : 0;
  const last = isLong ? Math.min(shown.length, Math.ceil((scroll.top + scroll.height) / ROW_PX) + SPARE) : shown.length;
  const follow = (event) => setScroll({ top: event.currentTarget.scrollTop, height: event.currentTarget.clientHeight });
  const newest = () => {
    release();
    frame.current?.scrollTo?.(0, 0);
  };
  return html`<div class="alert-list" ref=${list} ...${handlers} data-held=${isHeld ? "" : undefined}>
    ${fresh > 0 && html`<button type="button" class="new-pill" onClick=${newest}>${plural(fresh, "{n} new", "{n} new")}</button>`}
    ${shown.length === 0 && html`<${Empty}>${empty ?? t("Nothing needs attention.")}</${Empty}>`}
    <div class=${isLong ? "alerts-scroll" : undefined} ref=${frame} onScroll=${isLong ? follow : undefined} tabindex=${isLong ? "0" : undefined} role=${isLong ? "region" : undefined} aria-label=${isLong ? t("Alerts") : undefined}>
      <ul class=${isLong ? "alerts alerts-dense" : "alerts"} style=${isLong ? { blockSize: `${shown.length * ROW_PX}px` } : { blockSize: "" }}>
        ${shown.slice(first, last).map((alert, index) => html`<${Alert} key=${alert.id} alert=${alert} state=${state} now=${now} style=${isLong ? { insetBlockStart: `${(first + index) * ROW_PX}px` } : { insetBlockStart: "" }} />`)}
      </ul>
    </div>
  </div>`;
}

/** Alerts of one kind, severity and site as one line: what is many at once is mostly one thing. `onShow({ severity, kind })`. */
export function AlertGroups({ alerts, onShow }) {
  const state = useStore("sites");
  const now = useNow();
  const groups = new Map();
  for (const alert of alerts) {
    const key = [alert.severity, alert.alert_type, alert.site].join();
    if (!groups.has(key)) groups.set(key, []);
    groups.get(key).push(alert);
  }
  const acknowledge = (all) => {
    const active = all.filter((alert) => foreseen(alert).status === "active");
    if (active.length === 1) actOn(active[0], "acknowledge");
    else tell(t("Acknowledged"), plural(active.length, "{n} alert", "{n} alerts"), active.map((alert) => act(alert, "acknowledge")));
  };
  return html`<div class="table-scroll" tabindex="0" role="region" aria-label=${t("{name}: table", { name: t("Groups of alerts") })}><table class="table alert-groups">
    <thead><tr>${["Severity", "Kind", "Site", "How many", "Newest"].map((title) => html`<th scope="col" key=${title}>${t(title)}</th>`)}<th><span class="visually-hidden">${t("Actions")}</span></th></tr></thead>
    <tbody>${[...groups].map(([key, all]) => {
      const [first] = all;
      const newest = Math.max(...all.map((alert) => time(alert.timestamp) ?? 0));
      const active = all.filter((alert) => foreseen(alert).status === "active");
      return html`<tr key=${key} data-severity=${first.severity}><td><span class="tag" data-tone=${first.severity}><${Icon} name=${first.severity} />${words(first.severity)}</span></td><td>${words(first.alert_type)}</td>
        <td>${state.sites.find((one) => one.slug === first.site)?.name ?? first.site ?? "–"}</td><td>${all.length}</td><td>${ago(now - newest)}</td>
        <td><button type="button" class="button" onClick=${() => onShow({ severity: first.severity, kind: first.alert_type })}>${t("Show")}</button> ${active.length > 0 && html`<button type="button" class="button" onClick=${() => acknowledge(active)}>${t("Acknowledge {n}", { n: active.length })}</button>`}</td></tr>`;
    })}</tbody></table></div>`;
}

/** How many alerts there are of each severity. */
export function countSeverities(alerts) {
  return Object.fromEntries(SEVERITIES.map((severity) => [severity, alerts.filter((alert) => alert.severity === severity).length]));
}

export { SEVERITIES };
