// How the server itself is: whether it is ready, what it runs, when its scheduled work last ran, what it counts.

import { ApiError } from "../../lib/api.js";
import { words } from "../../lib/format.js";
import { number, t } from "../../lib/i18n.js";
import { useResource } from "../../lib/resource.js";
import { ago, lasting, time } from "../../lib/time.js";
import { html } from "../../lib/ui.js";
import { Panel } from "../../parts/panel.js";
import { Table } from "../../parts/table.js";
import { serverNow } from "../../state/live.js";
import { api } from "../../state/session.js";

const EVERY_MS = 10_000;
const WITHIN_MS = 15_000;

/** An answer even where it is a 503: what is wrong is in it. */
async function ready() {
  const response = await fetch("/ready", { headers: { accept: "application/json" }, credentials: "omit", signal: AbortSignal.timeout(WITHIN_MS) }).catch(() => null);
  const document = await response?.json().catch(() => null);
  if (!document?.checks) throw new ApiError(response?.status ?? 0, document);
  return { ok: response.ok, document };
}

/** Prometheus' text: `[name, labels, value]` of each line. */
function figures(text) {
  return text.split("\n").filter((line) => line && !line.startsWith("#")).map((line) => /^([a-zA-Z_:][\w:]*)(?:\{(.*)\})? (\S+)/.exec(line)).filter(Boolean).map(([, name, labels, value]) => ({ name, labels: labels ?? "", value: Number(value) }));
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

/** The page. */
export default function SystemPage() {
  const state = useResource(ready, [], { every: EVERY_MS });
  const health = useResource(() => api.get("/health"), [], { every: EVERY_MS });
  const metrics = useResource(async () => figures(await (await api.blob("/metrics")).text()), [], { every: EVERY_MS });
  const columns = [{ title: t("Figure"), cell: (one) => one.name }, { title: t("Of"), wrap: true, cell: (one) => one.labels }, { title: t("Value"), number: true, cell: (one) => number(one.value, 3) }];
  return html`<div class="page"><h1 class="visually-hidden">${t("System")}</h1>
    <${Panel} title=${t("Ready")} id="ready" resource=${state}>${({ ok, document }) => html`<div class="panel-body"><p class="big row"><span class="tag" data-tone=${ok ? "good" : "critical"}>${ok ? t("Ready") : t("Not ready")}</span></p>
      <dl class="facts">${Object.entries(document.checks ?? {}).map(([name, check]) => html`<${Check} key=${name} name=${name} check=${check} />`)}</dl></div>`}</${Panel}>
    <${Panel} title=${t("Process")} id="health" resource=${health}>${(document) => html`<dl class="facts panel-body">${Object.entries(document ?? {}).map(([name, value]) => html`<div key=${name}><dt>${words(name)}</dt><dd>${typeof value === "object" ? JSON.stringify(value) : String(value)}</dd></div>`)}</dl>`}</${Panel}>
    <${Panel} title=${t("Figures")} id="figures" resource=${metrics}>${(rows) => html`<${Table} caption=${t("Figures")} columns=${columns} rows=${rows.filter((one) => !one.name.endsWith("_bucket"))} rowId=${(one) => one.name + one.labels} />`}</${Panel}></div>`;
}
