// What was: occupancy, footfall, how fast help came, what was taken in; over a range, as charts, as tables, as files.

import { number, t } from "../../lib/i18n.js";
import { KINDS, words } from "../../lib/format.js";
import { amount } from "../../lib/reservations.js";
import { useResource } from "../../lib/resource.js";
import { route, setQuery } from "../../lib/router.js";
import { dateAt, lasting, time } from "../../lib/time.js";
import { Icon, html, useMemo } from "../../lib/ui.js";
import { Chart } from "../../parts/chart.js";
import { Empty, Panel } from "../../parts/panel.js";
import { PrintButton, Table, save } from "../../parts/table.js";
import { missed } from "../../parts/toasts.js";
import { serverNow, store, useStore } from "../../state/live.js";
import { api } from "../../state/session.js";

/** In the address, days, what it is called. @type {[string, number, string][]} */
const RANGES = [["7d", 7, "7 days"], ["28d", 28, "4 weeks"], ["91d", 91, "3 months"], ["365d", 365, "1 year"]];
const DAY_MS = 86_400_000;

/** What is asked: the site and the range of days in the address. */
function useScope(site) {
  const { query } = route.value;
  const [key, days] = RANGES.find(([one]) => one === query.get("range")) ?? RANGES[0];
  const to = query.get("to") ?? dateAt(serverNow());
  const from = query.get("from") ?? dateAt(serverNow() - days * DAY_MS);
  const scope = { ...(site ? { site } : {}), from, to };
  return { key: query.get("from") ? null : key, from, to, days, text: new URLSearchParams(scope).toString() };
}

function Export({ path, name }) {
  const fetchCsv = async () => {
    try {
      save(await api.blob(path, { accept: "text/csv" }), `${name}.csv`);
    } catch (error) {
      missed(error, t("Not exported"));
    }
  };
  return html`<button type="button" class="button button-quiet" onClick=${fetchCsv}><${Icon} name="download" /> CSV</button>`;
}

/** A panel of one analysis. Servers without it say so once, in its place. */
function Analysis({ title, id, path, name, children }) {
  const resource = useResource(async () => {
    try {
      return await api.get(path);
    } catch (error) {
      if (error.status === 404) return { missing: true };
      throw error;
    }
  }, [path]);
  return html`<${Panel} title=${title} id=${id} resource=${resource} rows=${6} actions=${resource.data && !resource.data.missing && html`<${Export} path=${path} name=${name} />`}>${(data) => (data.missing ? html`<${Empty}>${t("This server keeps no such history.")}</${Empty}>` : children(data))}</${Panel}>`;
}

/** What a site is called. */
const nameOf = (slug) => store.state.sites.find((one) => one.slug === slug)?.name ?? slug ?? "–";

/** Figures of several sites by time: one line each. */
function Lines({ rows, at, value, unit, digits, words: said, most = undefined }) {
  const drawn = useMemo(() => {
    const times = [...new Set(rows.map((row) => time(row[at]) ?? Date.parse(row[at])))].sort((a, b) => a - b);
    const sites = [...new Set(rows.map((row) => row.site))];
    const tokens = ["--occupied", "--free", "--reserved", "--warning", "--critical", "--info"];
    const series = sites.slice(0, tokens.length).map((slug, index) => {
      const by = new Map(rows.filter((row) => row.site === slug).map((row) => [time(row[at]) ?? Date.parse(row[at]), value(row)]));
      return { label: nameOf(slug), token: tokens[index], unit, digits, values: times.map((one) => by.get(one) ?? null) };
    });
    return { times, series };
  }, [rows]);
  if (drawn.times.length === 0) return html`<${Empty}>${t("Nothing was measured in this time.")}</${Empty}>`;
  return html`<div class="panel-body"><${Chart} times=${drawn.times} series=${drawn.series} words=${said} height=${240} from=${0} to=${most} /></div>`;
}

function Occupancy({ scope }) {
  return html`<${Analysis} title=${t("Occupancy")} id="occupancy" name="occupancy" path=${`/api/analytics/occupancy?${scope.text}&period=${scope.days > 14 ? "day" : "hour"}&by=site`}>${(data) => html`
    <${Lines} rows=${data.items} at="start" value=${(row) => row.occupancy_rate} unit="%" digits=${0} most=${100} words=${t("How full the car parks were, in per cent")} />`}</${Analysis}>`;
}

function Footfall({ scope }) {
  const columns = [
    { title: t("Site"), cell: (row) => nameOf(row.site) }, { title: t("Day"), cell: (row) => row.date }, { title: t("Came"), number: true, cell: (row) => number(row.footfall) }, { title: t("Booked"), number: true, cell: (row) => number(row.booked) },
    { title: t("Did not come"), number: true, cell: (row) => number(row.no_shows) }, { title: t("Peak"), number: true, cell: (row) => (row.peak_people === null ? "–" : number(row.peak_people)) },
  ];
  return html`<${Analysis} title=${t("Footfall")} id="footfall" name="footfall" path=${`/api/analytics/footfall?${scope.text}&period=${scope.days > 100 ? "monthly" : scope.days > 31 ? "weekly" : "daily"}`}>${(data) => html`
    <${Lines} rows=${data.items} at="date" value=${(row) => row.footfall} unit="" words=${t("How many people came")} />
    <details class="panel-body"><summary>${t("As a table")}</summary><${Table} caption=${t("Footfall")} columns=${columns} rows=${data.items} rowId=${(row) => `${row.site} ${row.date}`} /></details>`}</${Analysis}>`;
}

// The hours and days of emergencies are too many for a table.
const HELP_BY = ["total", "type", "severity"];

const NAMES = {
  dimension: "By", value: "Which", count: "Emergencies", median_acknowledge_seconds: "Noticed after (median)", p95_acknowledge_seconds: "Noticed after (95 of 100)",
  median_resolve_seconds: "Closed after (median)", p95_resolve_seconds: "Closed after (95 of 100)",
};
const WORDS = ["dimension", "value", "kind"];

/** Figures whose names the server chooses, as a table: what is a number stands to the right. */
function Figures({ rows, caption }) {
  if (!rows?.length) return html`<${Empty}>${t("Nothing in this time.")}</${Empty}>`;
  const names = Object.keys(rows[0]).filter((name) => rows.some((row) => row[name] === null || typeof row[name] !== "object"));
  const shown = (row, name) => {
    const value = row[name];
    if (value === null || value === undefined) return "–";
    if (name === "site") return nameOf(value);
    if (name === "kind" && KINDS[value]) return t(KINDS[value]);
    if (WORDS.includes(name)) return words(value);
    if (name.endsWith("_s") || name.endsWith("_seconds")) return lasting(1000 * value);
    if (["paid", "refunded", "disputed", "net"].includes(name)) return amount(value, row.currency);
    return typeof value === "number" ? number(value, 1) : String(value);
  };
  const columns = names.map((name) => ({ title: NAMES[name] ? t(NAMES[name]) : words(name), number: rows.some((row) => typeof row[name] === "number"), cell: (row) => shown(row, name) }));
  return html`<${Table} caption=${caption} columns=${columns} rows=${rows} rowId=${(row) => names.map((name) => row[name]).join(" ")} />`;
}

/** The page. */
export default function HistoryPage({ site }) {
  useStore("sites");
  const scope = useScope(site);
  const choose = (range) => setQuery({ range, from: "", to: "" });
  return html`<div class="page history-page"><div class="page-head"><h1>${t("History")}</h1>
      <div class="filters"><div class="chips" role="group" aria-label=${t("Range")}>${RANGES.map(([key, , label]) => html`<button type="button" class="chip" key=${key} aria-pressed=${key === scope.key} onClick=${() => choose(key)}>${t(label)}</button>`)}</div>
        <div class="field"><label for="history-from">${t("From")}</label><input id="history-from" type="date" value=${scope.from} max=${scope.to} onChange=${(event) => setQuery({ from: event.target.value, to: scope.to })} /></div>
        <div class="field"><label for="history-to">${t("To")}</label><input id="history-to" type="date" value=${scope.to} min=${scope.from} onChange=${(event) => setQuery({ from: scope.from, to: event.target.value })} /></div><${PrintButton} /></div></div>
    <${Occupancy} key=${`o${scope.text}`} scope=${scope} /><${Footfall} key=${`f${scope.text}`} scope=${scope} />
    <${Analysis} key=${`e${scope.text}`} title=${t("How fast help came")} id="help" name="emergencies" path=${`/api/analytics/emergencies?${scope.text}`}>${(data) => html`<${Figures} rows=${data.items.filter((row) => HELP_BY.includes(row.dimension))} caption=${t("How fast help came")} />`}</${Analysis}>
    <${Analysis} key=${`r${scope.text}`} title=${t("Revenue")} id="revenue" name="revenue" path=${`/api/analytics/revenue?${scope.text}`}>${(data) => html`<${Figures} rows=${data.items} caption=${t("Revenue")} />`}</${Analysis}>
  </div>`;
}
