// All alerts: the gravest first, filtered, those that are over on demand.

import { words } from "../../lib/format.js";
import { alertsOfSite } from "../../lib/model.js";
import { t } from "../../lib/i18n.js";
import { useResource } from "../../lib/resource.js";
import { address, route, setQuery } from "../../lib/router.js";
import { Icon, html } from "../../lib/ui.js";
import { AlertGroups, AlertList, SEVERITIES, countSeverities, gravestFirst } from "../../parts/alert-list.js";
import { KeptFilters } from "../../parts/kept-filters.js";
import { Card, Fresh, Panel } from "../../parts/panel.js";
import { PrintButton, saveCsv } from "../../parts/table.js";
import { freshnessOf, reload, useStore } from "../../state/live.js";
import { api } from "../../state/session.js";

const RESOLVED = 50;
const fresh = freshnessOf("alerts");

const COLUMNS = [
  { title: "id", cell: (one) => one.id }, { title: "at", cell: (one) => one.timestamp }, { title: "severity", cell: (one) => one.severity },
  { title: "type", cell: (one) => one.alert_type }, { title: "status", cell: (one) => one.status }, { title: "site", cell: (one) => one.site }, { title: "message", cell: (one) => one.message },
];

function Resolved({ site }) {
  const resource = useResource(() => api.get(`/api/alerts/?status=resolved&order=desc&limit=${RESOLVED}${site ? `&site=${encodeURIComponent(site)}` : ""}`), [site], { on: ["alert"] });
  return html`<${Fresh} resource=${resource}>${(page) => html`<${AlertList} alerts=${page.items} empty=${t("None is resolved yet.")} />`}</${Fresh}>`;
}

/** The page. */
export default function AlertsPage({ site }) {
  const state = useStore("alerts", "site");
  const { query } = route.value;
  const [severity, kind, sought] = ["severity", "kind", "q"].map((name) => query.get(name) ?? "");
  const grouped = query.get("groups") === "1";
  const open = alertsOfSite(state.alerts, site).filter((alert) => alert.status !== "resolved");
  const counts = countSeverities(open);
  const kinds = [...new Set(open.map((alert) => alert.alert_type))].sort();
  const matches = (alert) => (!severity || alert.severity === severity) && (!kind || alert.alert_type === kind) &&
    (!sought || [alert.message, alert.subject, alert.location, alert.alert_type].some((text) => text?.toLowerCase().includes(sought.toLowerCase())));
  const shown = gravestFirst(open.filter(matches));
  const active = open.filter((alert) => alert.status === "active").length;
  const title = html`${t("Alerts")} ${active > 0 && html`<span class="count" data-severity=${SEVERITIES.find((one) => open.some((alert) => alert.severity === one && alert.status === "active"))}>${active}</span>`}`;
  return html`<div class="page alerts-page"><h1 class="visually-hidden">${t("Alerts")}</h1>
    <${Panel} class="alerts-panel" id="alerts" title=${title} resource=${{ ...fresh.value, reload: () => reload("alerts") }}
      actions=${html`<button type="button" class="button button-quiet" onClick=${() => saveCsv("alerts", COLUMNS, shown)}><${Icon} name="download" /> CSV</button><${PrintButton} />`}>${() => html`
      <div class="filters panel-body">
        <div class="chips" role="group" aria-label=${t("Severity")}><button type="button" class="chip" aria-pressed=${!severity} onClick=${() => setQuery({ severity: "" })}>${t("All")} <span class="chip-count">${open.length}</span></button>
          ${SEVERITIES.map((one) => html`<button type="button" class="chip" key=${one} data-severity=${one} aria-pressed=${severity === one} onClick=${() => setQuery({ severity: severity === one ? "" : one })}><${Icon} name=${one} />${words(one)} <span class="chip-count">${counts[one]}</span></button>`)}</div>
        <div class="field"><label for="alert-kind">${t("Kind")}</label><select id="alert-kind" value=${kind} onChange=${(event) => setQuery({ kind: event.target.value })}><option value="">${t("All kinds")}</option>${kinds.map((one) => html`<option key=${one} value=${one}>${words(one)}</option>`)}</select></div>
        <label class="search"><${Icon} name="search" /><input type="search" aria-label=${t("Find an alert")} placeholder=${t("Find an alert")} value=${sought} onInput=${(event) => setQuery({ q: event.target.value })} /></label>
        <button type="button" class="chip" aria-pressed=${grouped} onClick=${() => setQuery({ groups: grouped ? "" : "1" })}>${t("Grouped")}</button>
        <${KeptFilters} page="alerts" />
      </div>
      ${grouped && shown.length > 0 && html`<${AlertGroups} alerts=${shown} onShow=${(filter) => setQuery({ ...filter, groups: "" })} />`}
      ${(!grouped || shown.length === 0) && html`<${AlertList} alerts=${shown} empty=${open.length ? t("None that matches.") : undefined} />`}`}</${Panel}>
    <${Card} title=${t("Resolved")} id="resolved" class="past"
      actions=${html`<a class="button" href=${address(site, "alerts", null, { ...Object.fromEntries(query), past: query.get("past") ? "" : "1" })}>${query.get("past") ? t("Hide") : t("Show")}</a>`}>
      ${query.get("past") && html`<${Resolved} site=${site} />`}</${Card}>
  </div>`;
}
