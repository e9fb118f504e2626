// Ambulances, crews, lifts: what can be sent or is needed; and when each is in maintenance.

import { words } from "../../lib/format.js";
import { t } from "../../lib/i18n.js";
import { temples } from "../../lib/model.js";
import { useResource } from "../../lib/resource.js";
import { isAsAsked, plain } from "../../lib/same.js";
import { fromField, shortMoment, time } from "../../lib/time.js";
import { Icon, html, useState } from "../../lib/ui.js";
import { Confirm, Form, Sheet } from "../../parts/form.js";
import { Fresh } from "../../parts/panel.js";
import { Contact } from "../../parts/sos-card.js";
import { ListPanel, Table, useList } from "../../parts/table.js";
import { refused } from "../../parts/toasts.js";
import { useStore } from "../../state/live.js";
import { remove, useSettled } from "../../state/once.js";
import { api } from "../../state/session.js";

const API = "/api/resources";
// What a form says of a resource by leaving it out.
const LEFT_OUT = { contact: null, capacity: null, notes: null };
const TONES = { available: "good", assigned: "info", maintenance: "warning", out_of_service: undefined };

/** Whether a page has a resource as it was asked for. There is one of a name in a temple. */
const hasResource = (body) => ({ items }) => items.some((one) => isAsAsked(one, { ...LEFT_OUT, ...body }));

/** Whether a page has this very time of maintenance. There is one at a time. */
const hasMaintenance = (body) => ({ items }) => items.some((one) => time(one.start) === time(body.start) && time(one.end) === time(body.end) && plain(one.reason) === plain(body.reason));

function Maintenance({ resource: of, onClose }) {
  const path = `${API}/${of.id}/maintenance`;
  const resource = useResource(async () => (await api.get(`${path}?limit=50`)).items, [of.id]);
  const planOnce = useSettled();
  const plan = (body) => planOnce(() => api.post(path, body), `${path}?limit=500`, hasMaintenance(body)).finally(resource.reload);
  const at = (value) => new Date(fromField(value)).toISOString();
  const drop = async (one) => {
    try {
      await remove(`${path}/${one.id}`);
    } catch (error) {
      refused(error);
    }
    resource.reload();
  };
  const columns = [
    { title: t("From"), cell: (one) => shortMoment(time(one.start)) }, { title: t("To"), cell: (one) => shortMoment(time(one.end)) }, { title: t("Why"), wrap: true, cell: (one) => one.reason ?? "" },
    { title: "", cell: (one) => html`<button type="button" class="button" onClick=${() => drop(one)}>${t("Delete")}</button>` },
  ];
  const fields = [{ name: "start", label: t("From"), type: "datetime-local", required: true, convert: at }, { name: "end", label: t("To"), type: "datetime-local", required: true, convert: at }, { name: "reason", label: t("Why"), required: true, wide: true }];
  return html`<${Sheet} title=${t("Maintenance of {name}", { name: of.name })} onClose=${onClose} wide><${Fresh} resource=${resource}>${(rows) => html`<${Table} caption=${t("Maintenance")} columns=${columns} rows=${rows} rowId=${(one) => one.id} empty=${t("No maintenance is planned.")} />`}</${Fresh}>
    <${Form} key=${resource.data?.length} isNew fields=${fields} submit=${t("Plan it")} onCancel=${onClose} onSubmit=${plan} /></${Sheet}>`;
}

/** The page. */
export default function ResourcesPage({ site: slug }) {
  const state = useStore("sites");
  const list = useList(`${API}/${slug ? `?temple_id=${encodeURIComponent(slug)}` : ""}`, { on: ["emergency"] });
  const makeOnce = useSettled();
  const [edited, setEdited] = useState(null);
  const [planned, setPlanned] = useState(null);
  const [removed, setRemoved] = useState(null);
  const fields = [
    { name: "name", label: t("Name"), required: true }, { name: "type", label: t("Kind"), required: true, hint: t("Such as ambulance, security, wheelchair") },
    { name: "temple_id", label: t("Temple"), type: "select", options: temples(state).map((one) => [one.slug, one.name]) }, { name: "contact", label: t("Contact"), hint: t("A number can be called from the board.") },
    { name: "capacity", label: t("Capacity"), type: "number", min: 0 }, ...(edited?.id ? [{ name: "status", label: t("State"), type: "select", options: [["available", t("Available")], ["out_of_service", t("Out of service")]] }] : []), { name: "notes", label: t("Notes"), type: "textarea", wide: true },
  ];
  const columns = [
    { title: t("Name"), cell: (one) => one.name }, { title: t("Kind"), cell: (one) => words(one.type) }, { title: t("Site"), cell: (one) => state.sites.find((site) => site.slug === one.temple_id)?.name ?? one.temple_id ?? "–" },
    { title: t("State"), text: (one) => one.status, cell: (one) => html`<span class="tag" data-tone=${TONES[one.status]}>${words(one.status)}</span>` }, { title: t("Contact"), text: (one) => one.contact, cell: (one) => one.contact && html`<${Contact} contact=${one.contact} />` },
    { title: "", cell: (one) => html`<button type="button" class="button" onClick=${() => setEdited(one)}>${t("Change")}</button> <button type="button" class="button" onClick=${() => setPlanned(one)}>${t("Maintenance")}</button> <button type="button" class="button" onClick=${() => setRemoved(one)}>${t("Delete")}</button>` },
  ];
  const submit = async (body) => {
    try {
      if (edited.id) await api.patch(`${API}/${edited.id}`, body);
      else await makeOnce(() => api.post(`${API}/`, body), `${API}/?${new URLSearchParams({ temple_id: body.temple_id ?? "", limit: "500" })}`, hasResource(body));
      setEdited(null);
    } finally {
      list.resource.reload();
    }
  };
  return html`<div class="page"><h1 class="visually-hidden">${t("Resources")}</h1><${ListPanel} title=${t("Resources")} id="resources" list=${list} columns=${columns} rowId=${(one) => one.id} csv="resources" rowProps=${(one) => ({ "data-resource": one.id })}
      actions=${html`<button type="button" class="button" onClick=${() => setEdited({ temple_id: slug ?? temples(state)[0]?.slug })}><${Icon} name="plus" /> ${t("New resource")}</button>`} empty=${t("Nothing can be sent yet: add ambulances and crews.")} />
    ${edited && html`<${Sheet} title=${edited.id ? t("Change {name}", { name: edited.name }) : t("New resource")} onClose=${() => setEdited(null)} wide><${Form} fields=${fields} initial=${edited} isNew=${!edited.id} onSubmit=${submit} onCancel=${() => setEdited(null)} /></${Sheet}>`}
    ${planned && html`<${Maintenance} resource=${planned} onClose=${() => setPlanned(null)} />`}
    ${removed && html`<${Confirm} title=${t("Delete {name}?", { name: removed.name })} action=${t("Delete")} onClose=${() => setRemoved(null)} onConfirm=${() => remove(`${API}/${removed.id}`).finally(list.resource.reload)}><p>${t("It is not offered to emergencies any more.")}</p></${Confirm}>`}
  </div>`;
}
