// What can be booked and what it costs: a temple's weekly slots and special days; a site's tariff and its refunds.

import { words } from "../../lib/format.js";
import { number, t } from "../../lib/i18n.js";
import { useResource } from "../../lib/resource.js";
import { address } from "../../lib/router.js";
import { isAsAsked } from "../../lib/same.js";
import { dateAt, slotTimes } from "../../lib/time.js";
import { Icon, html, useState } from "../../lib/ui.js";
import { Confirm, Form, Sheet } from "../../parts/form.js";
import { Card, Empty, Fresh, Panel } from "../../parts/panel.js";
import { sitesResource } from "../../parts/site-tabs.js";
import { Table } from "../../parts/table.js";
import { toast } from "../../parts/toasts.js";
import { reload, serverNow, useStore } from "../../state/live.js";
import { remove, useSettled } from "../../state/once.js";
import { api } from "../../state/session.js";

const DAYS = ["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"];

// What the server takes where a form leaves it out.
const LEFT_OUT = { bookings_per_person: 1, closes_after_minutes: null };

/** Whether a page of slots has these on each of their days, as they were asked for. */
const hasSlots = ({ weekdays = [], ...terms }) => ({ items }) => weekdays.length > 0 && weekdays.every((weekday) => items.some((one) => isAsAsked(one, { ...LEFT_OUT, ...terms, weekday })));

function Weekly({ site }) {
  const path = `/api/sites/${encodeURIComponent(site.slug)}/slots`;
  const resource = useResource(() => api.all(`${path}?limit=500`, 1000), [site.slug]);
  const [edited, setEdited] = useState(null);
  const [removed, setRemoved] = useState(null);
  const makeOnce = useSettled();
  const fields = [
    ...(edited?.id ? [] : [{ name: "slot", label: t("Time"), hint: "06:00-07:00", required: true, pattern: "\\d\\d:\\d\\d-\\d\\d:\\d\\d" }, { name: "weekdays", label: t("Days"), type: "many", options: DAYS.map((day) => [day, words(day)]) }]),
    { name: "capacity", label: t("Places"), type: "number", min: 1, required: true }, { name: "bookings_per_person", label: t("Bookings per person"), type: "number", min: 1 }, { name: "closes_after_minutes", label: t("Closes after the start, minutes"), type: "number", hint: t("Empty: until it ends.") },
  ];
  const submit = async (body) => {
    try {
      if (edited.id) await api.patch(`${path}/${edited.id}`, body);
      else await makeOnce(() => api.post(path, body), `${path}?limit=500`, hasSlots(body));
      setEdited(null);
    } finally {
      resource.reload();
    }
  };
  return html`<${Panel} title=${t("Weekly slots")} id="weekly" resource=${resource} actions=${html`<button type="button" class="button" onClick=${() => setEdited({ weekdays: DAYS, capacity: 100 })}><${Icon} name="plus" /> ${t("New slot")}</button>`}>${(rows) => html`<${Week} rows=${rows} onPick=${setEdited} />`}
    ${edited && html`<${Sheet} title=${edited.id ? `${words(edited.weekday)}, ${slotTimes(edited.slot)}` : t("New slot")} onClose=${() => setEdited(null)} wide><${Form} fields=${fields} initial=${edited} isNew=${!edited.id} onSubmit=${submit} onCancel=${() => setEdited(null)}>
      ${edited.id && html`<div><button type="button" class="button button-danger" onClick=${() => { setRemoved(edited); setEdited(null); }}>${t("Delete this slot")}</button></div>`}</${Form}></${Sheet}>`}
    ${removed && html`<${Confirm} title=${t("Delete this slot?")} action=${t("Delete")} onClose=${() => setRemoved(null)} onConfirm=${() => remove(`${path}/${removed.id}`).finally(resource.reload)}><p>${words(removed.weekday)}, ${slotTimes(removed.slot)}</p></${Confirm}>`}
  </${Panel}>`;
}

/** The week as it hangs on a wall: times down, days across, in each cell how many may come. `onPick(slot)` gets what is there, or what could be. */
function Week({ rows, onPick }) {
  if (rows.length === 0) return html`<${Empty}>${t("Nothing can be booked yet.")}</${Empty}>`;
  const times = [...new Set(rows.map((one) => one.slot))].sort();
  const of = new Map(rows.map((one) => [`${one.weekday} ${one.slot}`, one]));
  const most = Math.max(...rows.map((one) => one.capacity));
  const cell = (day, slot) => {
    const one = of.get(`${day} ${slot}`);
    const said = `${words(day)}, ${slotTimes(slot)}`;
    if (!one) return html`<button type="button" class="week-cell week-none" aria-label=${t("Add {slot}", { slot: said })} onClick=${() => onPick({ weekdays: [day], slot, capacity: 100 })}><${Icon} name="plus" /></button>`;
    return html`<button type="button" class="week-cell" aria-label=${`${said}: ${t("{n} places", { n: one.capacity })}`} title=${one.bookings_per_person > 1 ? t("{n} bookings per person", { n: one.bookings_per_person }) : undefined} onClick=${() => onPick(one)}>
      <span>${number(one.capacity)}</span><span class="week-bar" aria-hidden="true"><span style=${{ inlineSize: `${(100 * one.capacity) / most}%` }}></span></span></button>`;
  };
  return html`<div class="table-scroll" tabindex="0" role="region" aria-label=${t("{name}: table", { name: t("Weekly slots") })}><table class="week"><thead><tr><th scope="col">${t("Time")}</th>${DAYS.map((day) => html`<th scope="col" key=${day}>${words(day)}</th>`)}</tr></thead>
    <tbody>${times.map((slot) => html`<tr key=${slot}><th scope="row">${slotTimes(slot)}</th>${DAYS.map((day) => html`<td key=${day}>${cell(day, slot)}</td>`)}</tr>`)}</tbody></table></div>`;
}

/** Slots as lines, `06:00-07:00 200`. */
const asLines = (slots) => slots.map((one) => `${one.slot ?? `${one.start}-${one.end}`} ${one.capacity}`).join("\n");

/** The opposite; a line that is none is refused at its field. */
function fromLines(text) {
  return text.split("\n").map((line) => line.trim()).filter(Boolean).map((line) => {
    const [, slot, capacity] = /^(\d\d:\d\d-\d\d:\d\d)[\s,;]+(\d+)$/.exec(line) ?? [];
    if (!slot) throw Object.assign(new Error(line), { errors: { slots: t("This line cannot be read: {line}", { line }) } });
    return { slot, capacity: Number(capacity) };
  });
}

function Special({ site }) {
  const path = `/api/sites/${encodeURIComponent(site.slug)}/slots/days`;
  const today = dateAt(serverNow(), site.time_zone);
  const resource = useResource(async () => (await api.get(`${path}?from=${today}&limit=100`)).items, [site.slug]);
  const [adding, setAdding] = useState(null);
  const [removed, setRemoved] = useState(null);
  const isOpen = adding && !adding.closed;
  const fields = [{ name: "date", label: t("Date"), type: "date", required: true, min: today },
    ...(isOpen ? [{ name: "slots", label: t("Slots of the day"), type: "textarea", rows: 6, required: true, wide: true, placeholder: "06:00-07:00 200\n07:00-08:00 200", hint: t("One a line: the time, then how many places.") }] : []),
    { name: "reason", label: t("Why"), hint: t("Visitors see it.") }, { name: "revoke", label: t("Revoke the bookings that do not fit any more"), type: "checkbox", wide: true }];
  const submit = async ({ date, reason, revoke, slots }) => {
    try {
      await api.put(`${path}/${date}`, { ...(isOpen ? { slots: fromLines(slots) } : { closed: true }), ...(reason ? { reason } : {}), ...(revoke ? { revoke } : {}) });
      setAdding(null);
    } finally {
      resource.reload();
    }
  };
  const columns = [
    { title: t("Date"), cell: (one) => one.date }, { title: t("What"), cell: (one) => (one.closed ? t("Closed") : t("{n} slots", { n: one.slots.length })) }, { title: t("Why"), wrap: true, cell: (one) => one.reason ?? "" },
    { title: "", cell: (one) => html`${!one.closed && html`<button type="button" class="button" onClick=${() => setAdding({ ...one, slots: asLines(one.slots) })}>${t("Change")}</button> `}<button type="button" class="button" onClick=${() => setRemoved(one)}>${t("Back to normal")}</button>` },
  ];
  return html`<${Panel} title=${t("Closed and special days")} id="special" resource=${resource} actions=${html`<button type="button" class="button" onClick=${() => setAdding({ slots: "" })}><${Icon} name="plus" /> ${t("Other slots on a day")}</button><button type="button" class="button" onClick=${() => setAdding({ closed: true })}><${Icon} name="plus" /> ${t("Close a day")}</button>`}>${(rows) => html`<${Table} caption=${t("Special days")} columns=${columns} rows=${rows} rowId=${(one) => one.date} empty=${t("No closed or special days.")} />`}
    ${adding && html`<${Sheet} title=${isOpen ? t("Other slots on a day") : t("Close a day")} onClose=${() => setAdding(null)}><${Form} isNew fields=${fields} initial=${adding} submit=${isOpen ? t("Save") : t("Close the day")} danger=${!isOpen} onCancel=${() => setAdding(null)} onSubmit=${submit} /></${Sheet}>`}
    ${removed && html`<${Confirm} title=${t("Back to the usual slots?")} action=${t("Back to normal")} onClose=${() => setRemoved(null)} onConfirm=${() => remove(`${path}/${removed.date}`).finally(resource.reload)}><p>${removed.date}</p></${Confirm}>`}
  </${Panel}>`;
}

/** How many minor units make one of a currency: 100 paise a rupee, but one yen is one. */
function minorUnits(currency) {
  try {
    return 10 ** new Intl.NumberFormat("en", { style: "currency", currency }).resolvedOptions().maximumFractionDigits;
  } catch {
    return 100;
  }
}

function Tariff({ site }) {
  const { tariff } = site;
  const amounts = ["per_hour", "per_day", "minimum"];
  const scale = minorUnits(tariff?.currency ?? "INR");
  // `daily_cap` is another name of the same.
  const stored = { ...tariff, per_day: tariff?.per_day ?? tariff?.daily_cap };
  const initial = {
    currency: tariff?.currency ?? "INR", free_minutes: tariff?.free_minutes ?? "",
    ...Object.fromEntries(amounts.map((name) => [name, stored[name] === undefined || stored[name] === null ? "" : stored[name] / scale])),
    full_until_minutes: tariff?.refund?.full_until_minutes ?? "", late_percent: tariff?.refund?.late_percent ?? "", started_percent: tariff?.refund?.started_percent ?? "",
  };
  const fields = [
    { name: "currency", label: t("Currency"), maxlength: 3, required: true }, { name: "per_hour", label: t("Per hour"), type: "number", step: "0.01", min: 0 }, { name: "per_day", label: t("At most per day"), type: "number", step: "0.01", min: 0 },
    { name: "minimum", label: t("At least per stay"), type: "number", step: "0.01", min: 0 }, { name: "free_minutes", label: t("Free minutes"), type: "number", min: 0 },
    { name: "full_until_minutes", label: t("Full refund until, minutes before"), type: "number", min: 0 }, { name: "late_percent", label: t("Refund after that, %"), type: "number", min: 0, max: 100 }, { name: "started_percent", label: t("Refund once begun, %"), type: "number", min: 0, max: 100 },
  ];
  const submit = async (_, values) => {
    const currency = values.currency.trim().toUpperCase();
    const set = (name, units = 1) => (values[name] === "" || values[name] === null || values[name] === undefined ? {} : { [name]: Math.round(Number(values[name]) * units) });
    const refund = { ...set("full_until_minutes"), ...set("late_percent"), ...set("started_percent") };
    // What stands by kinds of spots stays as it is.
    const { by_kind, kinds } = tariff ?? {};
    const next = { ...(by_kind ? { by_kind } : {}), ...(kinds ? { kinds } : {}), currency, ...Object.assign({}, ...amounts.map((name) => set(name, minorUnits(currency)))), ...set("free_minutes"), ...(Object.keys(refund).length ? { refund } : {}) };
    try {
      await api.patch(`/api/sites/${encodeURIComponent(site.slug)}`, { tariff: next });
      toast({ title: t("Saved"), text: t("The tariff holds for what is reserved from now on.") });
    } finally {
      reload("sites");
    }
  };
  return html`<${Card} title=${t("Tariff and refunds")} id="tariff"><div class="panel-body"><${Form} key=${site.updated_at} fields=${fields} initial=${initial} onSubmit=${submit} /></div></${Card}>`;
}

/** The page. */
export default function SlotsPage({ site: slug }) {
  const state = useStore("sites");
  const site = state.sitesLoaded ? state.sites.find((one) => one.slug === slug) : null;
  if (!site) return html`<div class="page"><h1 class="visually-hidden">${t("Slots and tariffs")}</h1><div class="panel"><${Fresh} resource=${sitesResource()}>${() => html`<${Empty} action=${html`<div class="chips">${state.sites.map((one) => html`<a class="chip" key=${one.slug} href=${address(one.slug, "slots")}>${one.name}</a>`)}</div>`}>${t("Whose slots and tariff?")}</${Empty}>`}</${Fresh}></div></div>`;
  return html`<div class="page"><h1>${t("Slots and tariff of {site}", { site: site.name })}</h1>${site.kind === "temple" && html`<${Weekly} site=${site} /><${Special} site=${site} />`}<${Tariff} site=${site} /></div>`;
}
