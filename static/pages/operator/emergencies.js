// The board of emergencies: who waits for an answer, who is helped, what is over; the gravest first. Keys: A takes the next step, D shows who
// could go, R ends it, the arrows walk.

import { OVER, chosenTemple, gravestFirst } from "../../lib/emergencies.js";
import { plural, t } from "../../lib/i18n.js";
import { useResource } from "../../lib/resource.js";
import { address } from "../../lib/router.js";
import { Icon, html, useEffect, useRef, useState } from "../../lib/ui.js";
import { setSound, sound } from "../../parts/heard.js";
import { Card, Empty, Fresh } from "../../parts/panel.js";
import { SosCard } from "../../parts/sos-card.js";
import { SosForm } from "../../parts/sos-form.js";
import { SosMap } from "../../parts/sos-map.js";
import { lead } from "../../parts/toasts.js";
import { freshnessOf, reload, take, useNow, useStore } from "../../state/live.js";
import { api } from "../../state/session.js";

const KEPT_OVER = 20;
const KEYS = { a: "acknowledge", d: "dispatch", r: "resolve" };
const fresh = freshnessOf("emergencies");

function Column({ name, title, empty, list, resource, now, sites, command, severity, children }) {
  return html`<${Card} class="sos-column" data-column=${name} id=${`sos-${name}-column`} title=${html`${title} ${list.length > 0 && html`<span class="count" data-severity=${severity}>${list.length}</span>`}`}>
    <${Fresh} resource=${resource}>${() => html`${list.length === 0 && html`<${Empty}>${empty}</${Empty}>`}
      <ul class="sos-list" id=${`sos-${name}`}>${list.map((one) => html`<${SosCard} key=${one.id} emergency=${one} now=${now} sites=${sites} command=${command?.id === one.id ? command : undefined} />`)}</ul>`}</${Fresh}>
    ${children}</${Card}>`;
}

function Over({ now, sites, site, live }) {
  const resource = useResource(async () => (await Promise.all(OVER.map((status) => api.get(`/api/emergency/?status=${status}&limit=${KEPT_OVER}`)))).flatMap((page) => page.items), [], { on: ["emergency"] });
  const known = new Map([...(resource.data ?? []), ...live.filter((one) => OVER.includes(one.status))].map((one) => [one.id, one]));
  const list = [...known.values()].filter((one) => !site || !one.temple_id || one.temple_id === site).sort((a, b) => (a.id < b.id ? 1 : -1)).slice(0, KEPT_OVER);
  return html`<details class="panel past sos-over"><summary>${t("History")}${resource.data && ` (${list.length})`}</summary><${Fresh} resource=${resource}>${() => html`
    <ul class="sos-list">${list.map((one) => html`<${SosCard} key=${one.id} emergency=${one} now=${now} sites=${sites} />`)}</ul>`}</${Fresh}></details>`;
}

/** The page. */
export default function EmergenciesPage() {
  const state = useStore("emergencies", "site", "sites");
  const now = useNow();
  const [command, setCommand] = useState(null);
  const [picked, setPicked] = useState(null);
  const site = chosenTemple(state);
  const all = [...state.emergencies.values()];
  // One of which nobody knows where it is is everybody's.
  const shown = all.filter((one) => !site || !one.temple_id || one.temple_id === site);
  const others = all.filter((one) => one.status === "reported" && !shown.includes(one)).length;
  const waiting = gravestFirst(shown.filter((one) => one.status === "reported"));
  const hand = gravestFirst(shown.filter((one) => ["acknowledged", "in_progress"].includes(one.status)));
  const resource = { ...fresh.value, reload: () => reload("emergencies") };
  const show = (id) => {
    setPicked(id);
    lead(`sos-${id}`);
  };
  const press = (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || event.target.closest?.("input, textarea, select, dialog")) return;
    const order = [...waiting, ...hand].map((one) => one.id);
    const focused = event.target.closest?.(".sos-card")?.dataset.id;
    const key = event.key.toLowerCase();
    if (key in KEYS) {
      const id = focused ?? order[0];
      if (!id) return;
      show(id);
      setCommand({ id, verb: KEYS[key] });
    } else if (event.key === "ArrowDown" || event.key === "ArrowUp") {
      if (!order.length || !focused) return;
      show(order[Math.min(order.length - 1, Math.max(0, order.indexOf(focused) + (event.key === "ArrowDown" ? 1 : -1)))]);
    } else return;
    event.preventDefault();
  };
  // Wherever the focus is: a card that moves on loses it.
  const pressed = useRef(press);
  pressed.current = press;
  useEffect(() => {
    const listen = (event) => pressed.current(event);
    addEventListener("keydown", listen);
    return () => removeEventListener("keydown", listen);
  }, []);
  const shownStatus = state.emergencies.get(picked)?.status;
  useEffect(() => {
    if (picked && document.activeElement === document.body) lead(`sos-${picked}`);
  }, [shownStatus]);
  const common = { resource, now, sites: state.sites, command };
  return html`<div class="page board-page">
    <div class="page-head"><h1>${t("Emergencies")}</h1><div class="row"><span class="hint board-keys"><kbd>A</kbd> ${t("next step")} <kbd>D</kbd> ${t("who goes")} <kbd>R</kbd> ${t("end")}</span>
      <button type="button" class="button" aria-pressed=${sound.value} onClick=${() => setSound(!sound.value)}><${Icon} name="bell" /> ${sound.value ? t("Sound is on") : t("Sound is off")}</button></div></div>
    <${SosMap} emergencies=${[...waiting, ...hand]} sites=${state.sites} picked=${picked} onPick=${show} />
    <div class="sos-board">
      <${Column} ...${common} name="waiting" title=${t("Waiting for an answer")} empty=${t("Nobody is waiting.")} list=${waiting} severity="critical">
        ${others > 0 && html`<a class="button sos-elsewhere" href=${address(null, "emergencies")}>${plural(others, "{n} more waits at other temples: show all", "{n} more wait at other temples: show all")}</a>`}</${Column}>
      <${Column} ...${common} name="hand" title=${t("In hand")} empty=${t("Nothing is in hand.")} list=${hand} />
      <${Over} now=${now} sites=${state.sites} site=${site} live=${all} />
    </div>
    <details class="panel sos-panel sos-fold"><summary><${Icon} name="critical" />${t("Report an emergency for somebody")}</summary>
      <${SosForm} onSent=${(report) => { take("emergency", report); show(report.id); }} /></details>
  </div>`;
}
