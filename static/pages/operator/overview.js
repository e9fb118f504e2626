// All sites at a glance, the worst first: what waits, what is full, what is broken.

import { countDevices, countSpots, ofSite } from "../../lib/model.js";
import { number, t } from "../../lib/i18n.js";
import { useFreshness, useResource } from "../../lib/resource.js";
import { address, route } from "../../lib/router.js";
import { Icon, html } from "../../lib/ui.js";
import { AlertList, gravestFirst } from "../../parts/alert-list.js";
import { Level, RANK } from "../../parts/levels.js";
import { Card, Empty, Failed, Fresh, Panel, Stale } from "../../parts/panel.js";
import { Summary } from "../../parts/summary.js";
import { isAdmin } from "../../lib/model.js";
import { freshnessOf, reload, serverNow, useStore } from "../../state/live.js";
import { api } from "../../state/session.js";

const MOST_ALERTS = 6;
const CROWD_EVERY_MS = 60_000;
const PAST_MS = 12 * 3_600_000;
const fresh = freshnessOf("sites", "spots", "devices", "alerts", "emergencies");
const heard = freshnessOf("alerts");

/** All zones of a temple together: how many, of how many, how crowded the worst is, and how many there were in each hour before. */
function summed(zones, history) {
  const counted = zones.filter((zone) => zone.count !== null);
  const sized = counted.filter((zone) => zone.capacity);
  const sum = (items, of) => items.reduce((all, item) => all + of(item), 0);
  const hours = new Map();
  for (const one of history) hours.set(one.from, (hours.get(one.from) ?? 0) + one.mean);
  return {
    counted: counted.length > 0, people: sum(counted, (zone) => zone.count), level: RANK[Math.max(-1, ...counted.map((zone) => RANK.indexOf(zone.level)))] ?? null,
    share: sized.length ? sum(sized, (zone) => zone.count) / sum(sized, (zone) => zone.capacity) : null,
    past: [...hours].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, mean]) => mean),
  };
}

/** What everybody asks first, to be read from across the room. */
function Totals({ rows, open, crowdIsKnown }) {
  const sum = (of) => rows.reduce((all, row) => all + of(row), 0);
  const [free, spots, people, offline, waiting, alerts] = [sum((row) => row.spots.free), sum((row) => row.spots.total), sum((row) => row.crowd?.people ?? 0), sum((row) => row.devices.offline), sum((row) => row.waiting), open.filter((alert) => alert.severity !== "info").length];
  const figures = [
    ["Emergencies waiting", waiting, waiting ? "critical" : "good", "emergencies"], ["Critical and warning alerts", alerts, open[0]?.severity === "critical" ? "critical" : alerts ? "warning" : "good", "alerts"],
    ...(rows.some((row) => row.site.kind === "temple") ? [["People in temples", crowdIsKnown ? number(people) : "–", undefined, "crowd"]] : []), ...(spots ? [["Free spots", number(free), undefined, "parking"]] : []), ["Devices offline", offline, offline ? "warning" : "good", "devices"],
  ];
  return html`<ul class="totals" aria-label=${t("Altogether")}>${figures.map(([name, value, tone, page]) => html`<li key=${name} data-tone=${tone}><a href=${address(route.value.site ?? null, page)}><span class="totals-name">${t(name)}</span><strong class="totals-value">${value}</strong></a></li>`)}</ul>`;
}

/** The hours before now, as one small line. */
function Spark({ values }) {
  if (values.length < 3) return null;
  const most = Math.max(...values, 1);
  const points = values.map((value, index) => `${((100 * index) / (values.length - 1)).toFixed(1)} ${(24 - (21 * value) / most).toFixed(1)}`);
  return html`<svg class="spark" viewBox="0 0 100 26" preserveAspectRatio="none" aria-hidden="true"><path class="spark-area" d=${`M0 26L${points.join("L")}L100 26Z`} /><path class="spark-line" d=${`M${points.join("L")}`} /></svg>`;
}

/** How bad it stands at a site: emergencies weigh most, then critical alerts, crowds, other alerts, devices, a full car park. */
function badness(row) {
  return 1000 * row.waiting + 100 * row.critical + 40 * Math.max(0, RANK.indexOf(row.crowd?.level) - 1) + 10 * row.warning + row.devices.offline + (row.spots.total && row.spots.free === 0 ? 20 : 0);
}

function rowsOf(state, crowds) {
  return state.sites.filter((site) => !state.site || site.slug === state.site).map((site) => {
    const alerts = [...state.alerts.values()].filter((alert) => alert.site === site.slug && alert.status === "active");
    return {
      site,
      waiting: [...state.emergencies.values()].filter((one) => one.temple_id === site.slug && one.status === "reported").length,
      critical: alerts.filter((alert) => alert.severity === "critical").length,
      warning: alerts.filter((alert) => alert.severity === "warning").length,
      spots: countSpots(ofSite(state.spots.values(), site.slug)),
      devices: countDevices(ofSite(state.devices.values(), site.slug)),
      crowd: crowds?.get(site.slug),
    };
  }).sort((a, b) => badness(b) - badness(a) || a.site.name.localeCompare(b.site.name));
}

function Site({ row }) {
  const { site, waiting, critical, warning, spots, devices, crowd } = row;
  const taken = spots.total ? (spots.total - spots.free) / spots.total : 0;
  const is = waiting || critical ? "critical" : warning || devices.offline || RANK.indexOf(crowd?.level) >= 2 ? "warning" : "good";
  return html`<li class="site-card panel" data-site=${site.slug} data-tone=${is}>
    <header class="row"><h3 class="grow"><a href=${address(site.slug, "overview")}>${site.name}</a></h3>
      ${waiting > 0 && html`<a class="tag" data-tone="critical" href=${address(site.slug, "emergencies")}><${Icon} name="sos" />${waiting} SOS</a>`}
      ${critical > 0 && html`<a class="tag" data-tone="critical" href=${address(site.slug, "alerts", null, { severity: "critical" })}><${Icon} name="critical" />${critical}</a>`}
      ${warning > 0 && html`<a class="tag" data-tone="warning" href=${address(site.slug, "alerts", null, { severity: "warning" })}><${Icon} name="warning" />${warning}</a>`}
      ${is === "good" && html`<span class="tag" data-tone="good"><${Icon} name="check" />${t("All is well")}</span>`}</header>
    <dl class="site-facts">
      ${spots.total > 0 && html`<div><dt>${t("Parking")}</dt><dd><a href=${address(site.slug, "parking")}><strong class="big">${number(spots.free)}</strong> ${t("of {n} free", { n: number(spots.total) })}</a>
        <span class="meter" aria-hidden="true"><span class="meter-part" style=${{ width: `${100 * taken}%` }}></span></span></dd></div>`}
      ${crowd && html`<div><dt>${t("Crowd")}</dt><dd><a href=${address(site.slug, "crowd")}>${crowd.counted ? html`<strong class="big">${number(crowd.people)}</strong> ${t("people")}` : html`<span class="muted">${t("not counted yet")}</span>`}</a> <${Level} level=${crowd.level} />
        ${crowd.share !== null && html`<span class="meter" aria-hidden="true"><span class="meter-part" style=${{ width: `${Math.min(100, 100 * crowd.share)}%` }}></span></span>`}</dd>
        <dd class="site-spark"><${Spark} values=${crowd.past} /></dd></div>`}
      ${devices.total > 0 && html`<div><dt>${t("Devices")}</dt><dd><a href=${address(site.slug, "devices")}><strong class="big">${devices.healthy}</strong> ${t("of {n} healthy", { n: devices.total })}</a>
        ${devices.offline > 0 && html` <span class="tag" data-tone="critical">${t("{n} offline", { n: devices.offline })}</span>`}</dd></div>`}
    </dl></li>`;
}

/** The page. */
export default function OverviewPage({ site }) {
  const state = useStore("sites", "spots", "devices", "alerts", "emergencies", "site");
  const slugs = state.sites.filter((one) => one.kind === "temple" && (!site || one.slug === site)).map((one) => one.slug);
  const crowd = useResource(async () => new Map(await Promise.all(slugs.map(async (slug) => {
    const path = `/api/crowd/temple/${encodeURIComponent(slug)}`;
    const [current, history] = await Promise.all([api.get(`${path}/current`), api.all(`${path}/history?bucket=1h&limit=500&from=${encodeURIComponent(new Date(serverNow() - PAST_MS).toISOString())}`, 2000)]);
    return [slug, summed(current.zones, history)];
  }))), [slugs.join()], { every: CROWD_EVERY_MS });
  useFreshness(slugs.length ? crowd.status : "fresh");
  const resource = { ...fresh.value, reload: () => reload() };
  const open = gravestFirst([...state.alerts.values()].filter((alert) => alert.status === "active" && (!site || !alert.site || alert.site === site)));
  const rows = rowsOf(state, crowd.data);
  const isEmpty = state.sitesLoaded && state.spots.size === 0 && state.devices.size === 0;
  return html`<div class="page overview"><div class="page-head"><h1>${t("Overview")}</h1></div>
    ${isEmpty && isAdmin(state.user) && html`<${Card} title=${t("Begin here")}><${Empty} action=${html`<a class="button button-main" href=${address(site, "setup")}>${t("Set up the first site")}</a>`}>${t("There are no spots and no devices yet.")}</${Empty}></${Card}>`}
    <${Fresh} resource=${resource} rows=${2}>${() => html`<${Totals} rows=${rows} open=${open} crowdIsKnown=${Boolean(crowd.data)} />`}</${Fresh}>
    <div class="overview-parts">
      <${Panel} title=${t("Sites")} id="overview-sites" resource=${resource} rows=${8}>${() => html`${slugs.length > 0 && (crowd.status === "failed" ? html`<${Failed} resource=${crowd} what=${t("The crowds could not be loaded.")} />` : html`<${Stale} resource=${crowd} />`)}<ul class="site-cards">${rows.map((row) => html`<${Site} key=${row.site.slug} row=${row} />`)}</ul>`}</${Panel}>
      <div class="columns">
        ${rows.some((row) => site && row.spots.total > 0) && html`<${Summary} />`}
        <${Panel} title=${html`${t("Needs attention")} ${open.length > 0 && html`<span class="count" data-severity=${open[0].severity}>${open.length}</span>`}`} id="attention" resource=${{ ...heard.value, reload: () => reload("alerts") }} class="alerts-panel"
          actions=${html`<a class="button button-quiet" href=${address(site, "alerts")}>${t("All alerts")}</a>`}>${() => html`<${AlertList} alerts=${open} limit=${MOST_ALERTS} />`}</${Panel}>
      </div>
    </div>
  </div>`;
}
