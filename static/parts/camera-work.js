// When a camera records, and what of it is on its way to the cloud.

import { words } from "../lib/format.js";
import { number, t } from "../lib/i18n.js";
import { readable } from "../lib/reasons.js";
import { useResource } from "../lib/resource.js";
import { shortMoment, slotTimes, time } from "../lib/time.js";
import { Icon, html, useState } from "../lib/ui.js";
import { remove, settle } from "../state/once.js";
import { api } from "../state/session.js";
import { Confirm, Form, Sheet } from "./form.js";
import { Empty, Panel } from "./panel.js";
import { Table } from "./table.js";
import { refused } from "./toasts.js";

const API = "/v0/api/cctv";
const EVERY_MS = 15_000;
const DAYS = ["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"].map((day) => [day, day.slice(0, 3)]);
const TYPES = [["weekly", "Weekly"], ["daily", "Daily"], ["once", "Once"], ["continuous", "Always"]];

function fields() {
  return [
    { name: "name", label: t("Name"), required: true },
    { name: "schedule_type", label: t("Repeats"), type: "select", options: TYPES.map(([key, label]) => [key, t(label)]) },
    { name: "start_time", label: t("From"), type: "time" },
    { name: "end_time", label: t("To"), type: "time", hint: t("Before the start: it ends on the next day.") },
    { name: "start_date", label: t("First day"), type: "date" },
    { name: "end_date", label: t("Last day"), type: "date" },
    { name: "recording_quality", label: t("Quality"), type: "select", options: [["main", t("High")], ["sub", t("Low")]] },
    { name: "days_of_week", label: t("Days"), type: "many", options: DAYS.map(([key, label]) => [key, t(label)]) },
  ];
}

/** The schedules of a camera, with their editor. */
export function Schedules({ camera, canChange }) {
  const path = `${API}/schedules/?camera=${encodeURIComponent(camera)}&limit=100`;
  const resource = useResource(async () => (await api.get(path)).items, [camera], { every: EVERY_MS });
  const [edited, setEdited] = useState(null);
  const [removed, setRemoved] = useState(null);
  const turn = async (one) => {
    try {
      await api.post(`${API}/schedules/${one.id}/${one.is_active ? "deactivate" : "activate"}/`, {});
    } catch (error) {
      refused(error);
    }
    resource.reload();
  };
  const clip = (text) => (text ? text.slice(0, 5) : "");
  // One that is there as it was asked for was made, though its answer was lost.
  const isThere = (body) => ({ items }) => items.some((one) => Object.entries(body).every(([name, value]) => (name.endsWith("_time") ? clip(one[name]) === clip(value) : String(one[name]) === String(value))));
  const submit = async (body) => {
    try {
      if (edited.id) await api.patch(`${API}/schedules/${edited.id}/`, body);
      else await settle(() => api.post(`${API}/schedules/`, { ...body, camera }), path, isThere(body));
      setEdited(null);
    } finally {
      resource.reload();
    }
  };
  const hours = (one) => slotTimes(`${clip(one.start_time)}-${clip(one.end_time)}`);
  const columns = [
    { title: t("Name"), cell: (one) => one.name }, { title: t("Repeats"), cell: (one) => words(one.schedule_type) },
    { title: t("Time"), cell: (one) => (one.schedule_type === "continuous" ? t("always") : hours(one)) },
    { title: t("Days"), cell: (one) => (one.days_of_week?.length ? one.days_of_week.map((day) => t(day.slice(0, 3))).join(" ") : "–") },
    { title: t("Next"), cell: (one) => (one.is_due ? html`<span class="tag" data-tone="good">${t("recording")}</span>` : one.next_window ? shortMoment(time(one.next_window.start)) : "–") },
    { title: "", cell: (one) => canChange && html`<button type="button" class="button" onClick=${() => turn(one)}>${one.is_active ? t("Turn off") : t("Turn on")}</button> <button type="button" class="button" onClick=${() => setEdited({ ...one, start_time: clip(one.start_time), end_time: clip(one.end_time) })}>${t("Change")}</button> <button type="button" class="button" onClick=${() => setRemoved(one)}>${t("Delete")}</button>` },
  ];
  return html`<${Panel} title=${t("Schedules")} id="schedules" resource=${resource} actions=${canChange && html`<button type="button" class="button" onClick=${() => setEdited({ schedule_type: "weekly", recording_quality: "main", days_of_week: [] })}><${Icon} name="plus" /> ${t("New schedule")}</button>`}>
    ${(rows) => html`<${Table} caption=${t("Schedules")} columns=${columns} rows=${rows} rowId=${(one) => one.id} empty=${t("This camera records only when started by hand.")} />`}
    ${edited && html`<${Sheet} title=${edited.id ? t("Change the schedule") : t("New schedule")} onClose=${() => setEdited(null)} wide><${Form} fields=${fields()} initial=${edited} isNew=${!edited.id} onSubmit=${submit} onCancel=${() => setEdited(null)} /></${Sheet}>`}
    ${removed && html`<${Confirm} title=${t("Delete this schedule?")} action=${t("Delete")} onClose=${() => setRemoved(null)} onConfirm=${() => remove(`${API}/schedules/${removed.id}/`).finally(resource.reload)}><p>${removed.name}</p></${Confirm}>`}
  </${Panel}>`;
}

/** How much is sent: of the whole, where that is known. */
function progress({ sent_bytes: sent, total_bytes: total }) {
  if (total) return html`<progress max=${total} value=${sent} aria-label=${t("Progress")}></progress> ${Math.round((100 * sent) / total)} %`;
  return sent > 0 ? t("{n} MB sent", { n: number(sent / 1e6, 1) }) : "–";
}

/** What is on its way to the cloud. */
export function Transfers() {
  const resource = useResource(async () => (await api.get(`${API}/recordings/gcp-transfers/?limit=50`)).items, [], { every: EVERY_MS });
  const columns = [
    { title: t("Recording"), cell: (one) => html`<span title=${one.gcp_storage_path}>${readable(one.recording_name)}</span>` }, { title: t("State"), cell: (one) => html`<span class="tag" data-tone=${one.transfer_status === "failed" ? "critical" : one.transfer_status === "completed" ? "good" : "info"}>${words(one.transfer_status)}</span>` },
    { title: t("Progress"), cell: progress },
    { title: t("Tries"), number: true, cell: (one) => one.retry_count }, { title: t("Error"), wrap: true, cell: (one) => one.error_message ?? "" },
  ];
  return html`<${Panel} title=${t("To the cloud")} id="transfers" resource=${resource}>${(rows) => (rows.length === 0 ? html`<${Empty}>${t("No transfers.")}</${Empty}>` : html`<${Table} caption=${t("Transfers")} columns=${columns} rows=${rows} rowId=${(one) => one.transfer_id} />`)}</${Panel}>`;
}
