// Broadcasts: what everybody is told now, and for operators the form that tells them, with what was told before.

import { chosenTemple } from "../../lib/emergencies.js";
import { words } from "../../lib/format.js";
import { t } from "../../lib/i18n.js";
import { useResource } from "../../lib/resource.js";
import { ago, left, moment, time } from "../../lib/time.js";
import { Icon, announce, html, useEffect, useState } from "../../lib/ui.js";
import { concerns, inForce } from "../../parts/banner.js";
import { Refusal } from "../../parts/form.js";
import { Card, Empty, Failed, Fresh } from "../../parts/panel.js";
import { refused } from "../../parts/toasts.js";
import { freshnessOf, reload, serverNow, store, take, useNow, useStore } from "../../state/live.js";
import { settle, useOnce } from "../../state/once.js";
import { api } from "../../state/session.js";

const SEVERITIES = [["info", "Information"], ["warning", "Warning"], ["critical", "Critical"]];
const LASTS = [[30, "30 minutes"], [60, "1 hour"], [120, "2 hours"], [360, "6 hours"], [1440, "24 hours"], [0, "Until somebody ends it"]];
const PAST = 20;
const fresh = freshnessOf("broadcasts");

const newest = (alerts) => [...alerts].sort((a, b) => (a.id < b.id ? 1 : -1));
const rank = (alert) => -SEVERITIES.findIndex(([key]) => key === alert.severity);

function Cast({ alert, now, state }) {
  const at = time(alert.timestamp) ?? now;
  const until = time(alert.expires_at);
  const over = !inForce(alert, now);
  const site = state.sites.find((one) => one.slug === alert.site)?.name ?? alert.site;
  const path = `/api/alerts/${encodeURIComponent(alert.id)}`;
  const act = async (verb, done) => {
    const isSo = (one) => (verb === "resolve" ? one.status === "resolved" : one.status !== "active");
    try {
      take("alert", { is_public: true, ...(await settle(() => api.patch(`${path}/${verb}`), path, isSo)) });
      announce(done);
      document.getElementById("casts-title")?.focus();
    } catch (error) {
      refused(error);
      reload("broadcasts");
    }
  };
  return html`<li class="alert cast" id=${`cast-${alert.id}`} tabindex="-1" data-severity=${alert.severity} data-status=${over ? "resolved" : "active"}>
    <div class="alert-head"><span class="severity"><${Icon} name=${SEVERITIES.some(([key]) => key === alert.severity) ? alert.severity : "info"} class="severity-icon" />${words(alert.severity)}</span>
      <span class="cast-place">${[site ?? t("Everywhere"), ...(alert.zones ?? []).map(words)].join(" · ")}</span><time class="alert-age" datetime=${alert.timestamp} title=${moment(at)}>${ago(now - at)}</time></div>
    <p class="cast-message">${alert.message}</p>
    <div class="alert-foot"><p class="alert-where"><span class="cast-ends">${over ? t("Ended") : until === null ? t("Until it is ended") : t("Ends in {time}", { time: left(until - now) })}</span>
      <span class="alert-step">${alert.status === "acknowledged" && state.operator ? `${t("Seen")}${alert.acknowledged_by === state.user.id ? ` ${t("by you")}` : ""}` : ""}</span></p>
      ${state.operator && !over && html`<div class="alert-buttons">${alert.status === "active" && html`<button type="button" class="button" onClick=${() => act("acknowledge", t("Noted."))}>${t("Seen")}</button>`}
        <button type="button" class="button cast-end" onClick=${() => act("resolve", t("Ended."))}>${t("End now")}</button></div>`}</div></li>`;
}

function Past({ now, state, site, known }) {
  const resource = useResource(async () => (await api.get(`/api/alerts/?alert_type=broadcast&status=resolved&order=desc&limit=${PAST}`)).items, [], { on: ["alert"] });
  const all = new Map([...(resource.data ?? []), ...known.filter((alert) => !inForce(alert, now))].map((alert) => [alert.id, alert]));
  const shown = newest(all.values()).filter((alert) => concerns(alert, site)).slice(0, PAST);
  return html`<details class="past casts-past"><summary>${t("History")}${resource.data && ` (${shown.length})`}</summary><${Fresh} resource=${resource}>${() => html`
    <ul class="casts">${shown.map((alert) => html`<${Cast} key=${alert.id} alert=${alert} now=${now} state=${state} />`)}</ul>`}</${Fresh}></details>`;
}

/** An announcement with its end, so many minutes from now; 0 has none. */
const lastingFor = ({ minutes, ...wish }) => ({ ...wish, ...(minutes ? { expires_at: new Date(serverNow() + minutes * 60_000).toISOString() } : {}) });

/** The form. What is being written is kept while the page is open, whatever happens to the session. */
function Announce() {
  const state = useStore("sites", "site");
  const temples = state.sites.filter((one) => one.kind === "temple");
  const sites = [...temples, ...state.sites.filter((one) => one.kind !== "temple")];
  const [to, setTo] = useState(null);
  const [zones, setZones] = useState([]);
  const [severity, setSeverity] = useState("info");
  const [message, setMessage] = useState("");
  const [lasts, setLasts] = useState("120");
  const [status, setStatus] = useState({ busy: false, error: null });
  const sendOnce = useOnce();
  const site = to ?? (sites.some((one) => one.slug === state.site) ? state.site : temples[0]?.slug ?? "");
  const found = useResource(async () => (site ? (await api.get(`/api/sites/${encodeURIComponent(site)}/zones?limit=100`)).items : []), [site]);
  useEffect(() => setZones([]), [site]);
  const submit = async (event) => {
    event.preventDefault();
    if (status.busy) return;
    setStatus({ busy: true, error: null });
    const minutes = Number(lasts);
    const wish = { severity, message, is_public: true, minutes, ...(site ? { site } : {}), ...(zones.length ? { zones } : {}) };
    try {
      const alert = await sendOnce("/api/alerts/", wish, lastingFor);
      setMessage("");
      setZones([]);
      setSeverity("info");
      setStatus({ busy: false, error: null });
      announce(t("Announced."));
      take("alert", alert);
    } catch (error) {
      setStatus({ busy: false, error });
    }
  };
  return html`<${Card} class="cast-panel" id="cast" title=${t("Announce")}><form class="sos-form cast-form" onSubmit=${submit}>
    <div class="field"><label for="cast-site">${t("To")}</label><select id="cast-site" value=${site} onChange=${(event) => setTo(event.target.value)}><option value="">${t("Everywhere")}</option>
      ${sites.map((one) => html`<option key=${one.slug} value=${one.slug}>${one.name}</option>`)}</select></div>
    <div class="field"><label for="cast-lasts">${t("For")}</label><select id="cast-lasts" value=${lasts} onChange=${(event) => setLasts(event.target.value)}>${LASTS.map(([minutes, label]) => html`<option key=${minutes} value=${minutes}>${t(label)}</option>`)}</select></div>
    ${found.status === "failed" && html`<div class="field-wide"><${Failed} resource=${found} what=${t("The zones could not be loaded: it would go to the whole site.")} /></div>`}
    ${site && found.data?.length > 0 && html`<fieldset class="field-wide cast-zones-field"><legend>${t("Zones (none: all of it)")}</legend><div class="cast-zones">${found.data.map((zone) => html`<label class="sos-choice" key=${zone.code}>
      <input type="checkbox" name="cast-zone" value=${zone.code} checked=${zones.includes(zone.code)} onChange=${(event) => setZones((all) => (event.target.checked ? [...all, zone.code] : all.filter((code) => code !== zone.code)))} /><span>${zone.name}</span></label>`)}</div></fieldset>`}
    <fieldset class="sos-types cast-severities"><legend>${t("How serious")}</legend>${SEVERITIES.map(([value, label]) => html`<label class="sos-choice" key=${value} data-severity=${value}>
      <input type="radio" name="cast-severity" value=${value} checked=${severity === value} onChange=${() => setSeverity(value)} /><span>${t(label)}</span></label>`)}</fieldset>
    <div class="field field-wide"><label for="cast-message">${t("Message")}</label><textarea id="cast-message" rows="3" maxlength="500" required value=${message} onInput=${(event) => setMessage(event.target.value)}></textarea></div>
    <p class="cast-hint field-wide">${severity === "critical" ? t("It lies across every page until it is acknowledged or over, and goes to the staff's phones.") : t("Everybody sees it at once.")}</p>
    <${Refusal} error=${status.error} instead=${t("It is not known whether it was announced. Press again: it is announced once.")} />
    <button type="submit" id="cast-send" class="button button-main" aria-busy=${status.busy ? "true" : undefined}><${Icon} name="megaphone" />${t("Announce")}</button>
  </form></${Card}>`;
}

/** The page. */
export default function BroadcastsPage() {
  const state = useStore("broadcasts", "site", "sites");
  const now = useNow();
  const site = chosenTemple(state);
  const known = [...state.broadcasts.values()];
  const shown = newest(known.filter((alert) => inForce(alert, now) && concerns(alert, site))).sort((a, b) => rank(a) - rank(b));
  return html`<div class=${`page casts-page${store.state.operator ? "" : " casts-alone"}`}><h1 class="visually-hidden">${t("Broadcasts")}</h1>
    <${Card} id="casts" title=${t("Active now")}><${Fresh} resource=${{ ...fresh.value, reload: () => reload("broadcasts") }}>${() => html`
      ${shown.length === 0 && html`<${Empty}>${t("Nothing is announced at the moment.")}</${Empty}>`}
      <ul class="casts">${shown.map((alert) => html`<${Cast} key=${alert.id} alert=${alert} now=${now} state=${state} />`)}</ul>`}</${Fresh}>
      ${state.operator && html`<${Past} now=${now} state=${state} site=${site} known=${known} />`}</${Card}>
    ${state.operator && html`<${Announce} />`}
  </div>`;
}
