// Messages to the outside: what waits, what went, what could not be sent; the last can be sent again.

import { channelName } from "../../lib/channels.js";
import { words } from "../../lib/format.js";
import { plural, t } from "../../lib/i18n.js";
import { useResource } from "../../lib/resource.js";
import { address, route, setQuery } from "../../lib/router.js";
import { moment, shortMoment, time } from "../../lib/time.js";
import { Icon, html, useState } from "../../lib/ui.js";
import { Confirm, Sheet } from "../../parts/form.js";
import { Fresh } from "../../parts/panel.js";
import { ListPanel, Table, useList } from "../../parts/table.js";
import { refused, toast } from "../../parts/toasts.js";
import { settle } from "../../state/once.js";
import { api } from "../../state/session.js";

const API = "/api/dispatch/messages";
const STATES = [["dead", "Dead letters"], ["queued", "Queued"], ["sending", "Sending"], ["sent", "Sent"], ["dropped", "Dropped"]];
const TONES = { dead: "critical", queued: "info", sending: "info", sent: "good" };
const EVERY_MS = 20_000;

const factsOf = (one) => [
  [t("Channel"), channelName(one.channel)], [t("Topic"), one.topic], [t("About (id)"), one.subject], [t("To"), one.contact], [t("State"), words(one.state)], [t("Tries"), one.attempts], [t("Error"), one.last_error],
];

function Message({ id, onClose }) {
  const resource = useResource(() => api.get(`${API}/${id}`), [id]);
  return html`<${Sheet} title=${t("Message")} onClose=${onClose} wide><${Fresh} resource=${resource}>${(one) => html`<dl class="facts">${factsOf(one).map(([name, value]) => html`<div key=${name}><dt>${name}</dt><dd>${value ?? "–"}</dd></div>`)}</dl>
      <h3>${t("Deliveries")}</h3><${Table} caption=${t("Deliveries")} rows=${one.deliveries ?? []} rowId=${(delivery) => delivery.at ?? delivery.id} columns=${[{ title: t("When"), cell: (delivery) => moment(time(delivery.at)) }, { title: t("Outcome"), cell: (delivery) => words(delivery.outcome ?? "") }, { title: "HTTP", cell: (delivery) => delivery.http_status ?? "–" }, { title: t("Error"), wrap: true, cell: (delivery) => delivery.error ?? "" }]} />`}</${Fresh}>
    <div class="form-buttons"><button type="button" class="button" onClick=${onClose}>${t("Close")}</button></div></${Sheet}>`;
}

/** That nothing failed, and whether something is still to be sent. */
function NoneDead() {
  const waiting = useResource(async () => (await Promise.all(["queued", "sending"].map((state) => api.get(`${API}?state=${state}&limit=1`)))).some((page) => page.items.length > 0), [], { every: EVERY_MS });
  if (waiting.data === null) return t("No dead letters.");
  return waiting.data ? html`${t("No dead letters. Some messages are still to be sent.")} <a href=${address(route.value.site, "outbox", null, { state: "queued" })}>${t("Show")}</a>` : t("No dead letters, and nothing waits to be sent.");
}

/** The page. */
export default function OutboxPage() {
  const { query } = route.value;
  const state = query.get("state") ?? "dead";
  const list = useList(`${API}?order=desc&state=${state}`, { every: EVERY_MS });
  const [shown, setShown] = useState(null);
  const [all, setAll] = useState(false);
  const replay = async (one) => {
    try {
      await settle(() => api.post(`${API}/${one.id}/replay`), `${API}/${one.id}`, (now) => now.state !== "dead");
      toast({ title: t("Queued again"), text: [channelName(one.channel), one.contact].filter(Boolean).join(": ") });
    } catch (error) {
      refused(error);
    }
    list.resource.reload();
  };
  const replayAll = async () => {
    try {
      const { replayed } = await api.post(`${API}/replay`, {});
      toast({ title: t("Queued again"), text: plural(replayed, "{n} message", "{n} messages") });
    } finally {
      list.resource.reload();
    }
  };
  const columns = [
    { title: t("Created"), text: (one) => one.created_at, cell: (one) => shortMoment(time(one.created_at)) }, { title: t("Channel"), cell: (one) => channelName(one.channel) }, { title: t("Topic"), cell: (one) => one.topic }, { title: t("To"), cell: (one) => one.contact ?? "–" },
    { title: t("State"), text: (one) => one.state, cell: (one) => html`<span class="tag" data-tone=${TONES[one.state]}>${words(one.state)}</span>` }, { title: t("Tries"), number: true, cell: (one) => one.attempts }, { title: t("Error"), wrap: true, cell: (one) => one.last_error ?? "" },
    { title: "", cell: (one) => html`<button type="button" class="button" onClick=${() => setShown(one.id)}>${t("Show")}</button> ${one.state === "dead" && html`<button type="button" class="button" onClick=${() => replay(one)}>${t("Send again")}</button>`}` },
  ];
  const bar = html`<div class="chips" role="group" aria-label=${t("State")}>${STATES.map(([key, label]) => html`<button type="button" class="chip" key=${key} aria-pressed=${key === state} onClick=${() => setQuery({ state: key })}>${t(label)}</button>`)}</div>`;
  return html`<div class="page"><h1 class="visually-hidden">${t("Outbox")}</h1><${ListPanel} title=${t("Outbox")} id="outbox" list=${list} columns=${columns} rowId=${(one) => one.id} filters=${bar} csv="outbox" empty=${state === "dead" ? html`<${NoneDead} />` : undefined}
      actions=${state === "dead" && list.rows.length > 0 && html`<button type="button" class="button" onClick=${() => setAll(true)}><${Icon} name="refresh" /> ${t("Send all again")}</button>`} />
    ${shown && html`<${Message} id=${shown} onClose=${() => setShown(null)} />`}
    ${all && html`<${Confirm} title=${t("Send all dead letters again?")} action=${t("Send all again")} onClose=${() => setAll(false)} onConfirm=${replayAll}><p>${t("Recipients may get old news.")}</p></${Confirm}>`}
  </div>`;
}
