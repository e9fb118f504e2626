// How the server itself is: whether it is ready, what it runs, when its scheduled work last ran, how much it keeps, what waits, what it counts.

import { ApiError } from "../../lib/request.js";
import { words } from "../../lib/format.js";
import { number, t } from "../../lib/i18n.js";
import { useResource } from "../../lib/resource.js";
import { ago, lasting, moment, time } from "../../lib/time.js";
import { html } from "../../lib/ui.js";
import { Panel } from "../../parts/panel.js";
import { PrintButton, Table } from "../../parts/table.js";
import { serverNow } from "../../state/live.js";
import { api } from "../../state/session.js";

const EVERY_MS = 10_000;
const WITHIN_MS = 15_000;
// What the server itself calls late.
const LATE_S = 120;
const PAGE_BYTES = 4096;

/** An answer even where it is a 503: what is wrong is in it. */
async function ready() {
  const response = await fetch("/ready", { headers: { accept: "application/json" }, credentials: "omit", signal: AbortSignal.timeout(WITHIN_MS) }).catch(() => null);
  const document = await response?.json().catch(() => null);
  if (!document?.checks) throw new ApiError(response?.status ?? 0, document);
  return { ok: response.ok, document };
}

/** Prometheus' text as lines: `{ name, labels, value }`. */
function figures(text) {
  const pair = /(\w+)="((?:[^"\\]|\\.)*)"/g;
  return text.split("\n").filter((line) => line && !line.startsWith("#")).map((line) => /^([a-zA-Z_:][\w:]*)(?:\{(.*)\})? (\S+)/.exec(line)).filter(Boolean)
    .map(([, name, labels, value]) => ({ name: name.replace(/^gatehouse_/, ""), labels: Object.fromEntries([...(labels ?? "").matchAll(pair)].map(([, key, said]) => [key, said])), value: Number(value) }));
}

/** Bytes as people say them. */
function size(bytes) {
  const units = ["B", "kB", "MB", "GB", "TB"];
  const power = bytes > 0 ? Math.min(units.length - 1, Math.floor(Math.log10(bytes) / 3)) : 0;
  return `${number(bytes / 1000 ** power, power > 1 ? 1 : 0)} ${units[power]}`;
}

/** What of a check is worth a line: its name and what it says. */
function said([key, value]) {
  if (Array.isArray(value)) return value.length ? [words(key), value.map(words).join(", ")] : null;
  if (key.endsWith("_s") && typeof value === "number") return [words(key.slice(0, -2)), lasting(1000 * value)];
  if (typeof value === "boolean") return [words(key), value ? t("Yes") : t("No")];
  if (typeof value === "string" && time(value)) return [words(key), ago(serverNow() - time(value))];
  return [words(key), typeof value === "object" ? JSON.stringify(value) : String(value)];
}

function Check({ name, check }) {
  const isObject = typeof check === "object" && check !== null;
  const state = isObject ? check.state ?? check.status ?? null : check;
  const good = state === true || ["ok", "done", "ready", "on_time"].includes(state);
  const rest = isObject ? Object.entries(check).filter(([key, value]) => !["state", "status"].includes(key) && value !== null).map(said).filter(Boolean) : [];
  return html`<div><dt>${words(name)}</dt><dd>${state !== null && html`<span class="tag" data-tone=${good ? "good" : "warning"}>${words(String(state))}</span>`}
    ${rest.map(([key, value]) => html`<div key=${key}><span class="muted">${key}:</span> ${value}</div>`)}</dd></div>`;
}

function Runs({ rows }) {
  const now = serverNow() / 1000;
  const columns = [
    { title: t("Work"), cell: (one) => words(one.labels.component) },
    { title: t("Last good run"), cell: (one) => html`<time title=${moment(one.value * 1000)}>${ago(1000 * (now - one.value))}</time>` },
    { title: t("State"), cell: (one) => html`<span class="tag" data-tone=${now - one.value > LATE_S ? "critical" : "good"}>${now - one.value > LATE_S ? t("Late") : t("On time")}</span>` },
  ];
  return html`<${Table} caption=${t("Scheduled work")} columns=${columns} rows=${[...rows].sort((a, b) => a.value - b.value)} rowId=${(one) => one.labels.component} empty=${t("Nothing has run yet.")} />`;
}

function Storage({ rows }) {
  const of = (name) => rows.filter((one) => one.name === name);
  const counts = new Map(of("table_rows").map((one) => [one.labels.table, one.value]));
  const sizes = of("table_size_bytes").sort((a, b) => b.value - a.value);
  const whole = sizes.reduce((sum, one) => sum + one.value, 0);
  const free = of("database_free_pages")[0]?.value ?? 0;
  const columns = [
    { title: t("Table"), cell: (one) => words(one.labels.table) }, { title: t("Rows"), number: true, cell: (one) => (counts.has(one.labels.table) ? number(counts.get(one.labels.table)) : "–") }, { title: t("Size"), number: true, cell: (one) => size(one.value) },
    { title: t("Share"), cell: (one) => html`<span class="meter storage-share" aria-hidden="true"><span class="meter-part" style=${{ width: `${whole ? (100 * one.value) / whole : 0}%` }}></span></span>` },
  ];
  return html`<p class="panel-body"><span><strong class="big">${size(whole)}</strong> ${t("in {n} tables", { n: sizes.length })}${free > 0 ? `, ${t("{size} can be given back", { size: size(free * PAGE_BYTES) })}` : ""}</span> <span class="hint">${t("Each as it was last measured.")}</span></p>
    <${Table} caption=${t("Storage")} columns=${columns} rows=${sizes.slice(0, 12)} rowId=${(one) => one.labels.table} empty=${t("The tables have not been measured yet.")} />`;
}

/** What waits: messages, the outbox, payments. */
function Waiting({ rows }) {
  const value = (name) => rows.filter((one) => one.name === name).reduce((sum, one) => sum + one.value, 0);
  const dead = rows.find((one) => one.name === "messages" && one.labels.state === "dead")?.value ?? 0;
  const oldest = value("oldest_unsent_message_age_seconds");
  const facts = [[t("Messages to send"), number(value("messages") - dead)], [t("Dead letters"), number(dead)], [t("Oldest message"), oldest ? lasting(1000 * oldest) : "–"], [t("Payments not settled"), number(value("payments_open"))], [t("Alerts open"), number(value("alerts_open"))]];
  return html`<dl class="facts panel-body">${facts.map(([name, figure]) => html`<div key=${name}><dt>${name}</dt><dd class="big">${figure}</dd></div>`)}</dl>`;
}

/** The page. */
export default function SystemPage() {
  const state = useResource(ready, [], { every: EVERY_MS });
  const metrics = useResource(async () => figures(await (await api.blob("/metrics", { within: WITHIN_MS })).text()), [], { every: EVERY_MS });
  const columns = [{ title: t("Figure"), cell: (one) => one.name }, { title: t("Of"), wrap: true, cell: (one) => Object.entries(one.labels).map(([key, value]) => `${key} ${value}`).join(", ") }, { title: t("Value"), number: true, cell: (one) => number(one.value, 3) }];
  const versions = (rows) => [["Gatehouse", rows.find((one) => one.name === "build_info")?.labels.version], [t("Database schema"), rows.find((one) => one.name === "schema_version")?.value]];
  return html`<div class="page system-page"><h1 class="visually-hidden">${t("System")}</h1>
    <${Panel} title=${t("Health")} id="ready" resource=${state}>${({ ok, document }) => html`<div class="panel-body"><p class="big row"><span class="tag" data-tone=${ok ? "good" : "critical"}>${ok ? t("Ready") : t("Not ready")}</span></p>
      <dl class="facts">${Object.entries(document.checks).map(([name, check]) => html`<${Check} key=${name} name=${name} check=${check} />`)}</dl></div>`}</${Panel}>
    <${Panel} title=${t("Waiting")} id="waiting" resource=${metrics}>${(rows) => html`<${Waiting} rows=${rows} />`}</${Panel}>
    <${Panel} title=${t("Scheduled work")} id="runs" resource=${metrics}>${(rows) => html`<${Runs} rows=${rows.filter((one) => one.name === "scheduled_run_last_success_timestamp_seconds")} />`}</${Panel}>
    <${Panel} title=${t("Storage")} id="storage" resource=${metrics}>${(rows) => html`<${Storage} rows=${rows} />`}</${Panel}>
    <${Panel} title=${t("Versions")} id="versions" resource=${metrics} actions=${html`<${PrintButton} />`}>${(rows) => html`<dl class="facts panel-body">${versions(rows).map(([name, value]) => html`<div key=${name}><dt>${name}</dt><dd>${value ?? "–"}</dd></div>`)}</dl>
      <details class="panel-body"><summary>${t("All figures")}</summary><${Table} caption=${t("Figures")} columns=${columns} rows=${rows.filter((one) => !one.name.endsWith("_bucket"))} rowId=${(one) => one.name + JSON.stringify(one.labels)} /></details>`}</${Panel}></div>`;
}
