// Who did what, with what it was before and after.

import { words } from "../../lib/format.js";
import { t } from "../../lib/i18n.js";
import { route, setQuery } from "../../lib/router.js";
import { moment, shortMoment, time } from "../../lib/time.js";
import { html, useState } from "../../lib/ui.js";
import { Sheet } from "../../parts/form.js";
import { KeptFilters } from "../../parts/kept-filters.js";
import { ListPanel, useList } from "../../parts/table.js";

const FILTERS = [["entity", "Of what"], ["action", "What was done"], ["subject", "Which"], ["actor", "By whom (id)"]];

const text = (value) => (value === null || value === undefined ? "–" : typeof value === "object" ? JSON.stringify(value) : String(value));

/** What a line's detail says of each field: `[name, before, after]`. What else is known of the change stands after it. */
function changes(detail) {
  const { changes: named, ...rest } = detail ?? {};
  return [
    ...Object.entries(named ?? {}).map(([name, change]) => [name, change?.from, change?.to]),
    ...Object.entries(rest).map(([name, value]) => (value && typeof value === "object" && ("from" in value || "to" in value) ? [name, value.from, value.to] : [name, undefined, value])),
  ];
}

function Line({ line, onClose }) {
  return html`<${Sheet} title=${`${words(line.action)} · ${words(line.entity)}`} onClose=${onClose} wide><p class="hint">${line.subject} · ${line.actor_name} · ${moment(time(line.at))}</p>
    <div class="table-scroll"><table class="table"><thead><tr><th scope="col">${t("Field")}</th><th scope="col">${t("Before")}</th><th scope="col">${t("After")}</th></tr></thead>
      <tbody>${changes(line.detail).map(([name, before, after]) => html`<tr key=${name}><th scope="row">${words(name)}</th><td class="wrap">${text(before)}</td><td class="wrap">${text(after)}</td></tr>`)}</tbody></table></div>
    <div class="form-buttons"><button type="button" class="button" onClick=${onClose}>${t("Close")}</button></div></${Sheet}>`;
}

/** The page. */
export default function AuditPage() {
  const { query } = route.value;
  const wanted = new URLSearchParams(FILTERS.map(([name]) => [name, query.get(name) ?? ""]).filter(([, value]) => value));
  const list = useList(`/api/event-logs${wanted.size ? `?${wanted}` : ""}`);
  const [shown, setShown] = useState(null);
  const columns = [
    { title: t("When"), text: (one) => one.at, cell: (one) => html`<time title=${moment(time(one.at))}>${shortMoment(time(one.at))}</time>` }, { title: t("Who"), cell: (one) => one.actor_name ?? one.actor },
    { title: t("What"), cell: (one) => words(one.action) }, { title: t("Of"), cell: (one) => words(one.entity) }, { title: t("Which"), cell: (one) => one.subject },
    { title: "", cell: (one) => one.detail && html`<button type="button" class="button" onClick=${() => setShown(one)}>${t("Before and after")}</button>` },
  ];
  const bar = FILTERS.map(([name, label]) => html`<div class="field" key=${name}><label for=${`audit-${name}`}>${t(label)}</label><input id=${`audit-${name}`} value=${query.get(name) ?? ""} onChange=${(event) => setQuery({ [name]: event.target.value.trim() })} /></div>`);
  bar.push(html`<${KeptFilters} key="kept" page="audit" />`);
  return html`<div class="page"><h1 class="visually-hidden">${t("Audit")}</h1><${ListPanel} title=${t("Audit")} id="audit" list=${list} columns=${columns} rowId=${(one) => one.id} filters=${bar} csv="audit" />${shown && html`<${Line} line=${shown} onClose=${() => setShown(null)} />`}</div>`;
}
