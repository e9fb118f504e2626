// The channels to the outside: which are set up, what their last deliveries came to, and a message to try each.

import { channelName } from "../../lib/channels.js";
import { words } from "../../lib/format.js";
import { t } from "../../lib/i18n.js";
import { useResource } from "../../lib/resource.js";
import { address, route } from "../../lib/router.js";
import { moment, shortMoment, time } from "../../lib/time.js";
import { html, useState } from "../../lib/ui.js";
import { Empty, Panel } from "../../parts/panel.js";
import { Table } from "../../parts/table.js";
import { refused, toast } from "../../parts/toasts.js";
import { api } from "../../state/session.js";

const API = "/api/dispatch/channels";
const EVERY_MS = 15_000;

function Channel({ channel, onTested }) {
  const [busy, setBusy] = useState(false);
  const test = async () => {
    if (busy) return;
    setBusy(true);
    try {
      await api.post(`${API}/${channel.channel}/test`, {});
      toast({ title: t("A test message is on its way"), text: channelName(channel.channel) });
    } catch (error) {
      refused(error, t("No test was sent"));
    }
    setBusy(false);
    // The deliveries show it, also where the answer was lost.
    onTested();
  };
  const columns = [
    { title: t("When"), cell: (one) => html`<time title=${moment(time(one.at))}>${shortMoment(time(one.at))}</time>` }, { title: t("Topic"), cell: (one) => one.topic },
    { title: t("Outcome"), cell: (one) => html`<span class="tag" data-tone=${one.outcome === "delivered" || one.outcome === "sent" ? "good" : "warning"}>${words(one.outcome)}</span>` }, { title: "HTTP", cell: (one) => one.http_status ?? "–" }, { title: t("Took"), number: true, cell: (one) => `${one.duration_ms} ms` }, { title: t("Error"), wrap: true, cell: (one) => one.error ?? "" },
  ];
  return html`<section class="channel" data-channel=${channel.channel}><header class="row panel-body"><h3 class="grow">${channelName(channel.channel)}</h3>
      <span class="tag" data-tone=${channel.is_set_up ? "good" : undefined}>${channel.is_set_up ? t("Set up") : t("Not set up")}</span>
      ${channel.tells_control_room && html`<span class="tag">${t("tells the control room")}</span>`}${channel.tells_people && html`<span class="tag">${t("tells visitors")}</span>`}
      ${channel.tested_at && html`<span class="hint">${t("tested {at}", { at: shortMoment(time(channel.tested_at)) })}</span>`}
      ${channel.is_set_up && html`<button type="button" class="button" aria-busy=${busy ? "true" : undefined} onClick=${test}>${t("Send a test message")}</button>`}</header>
    ${channel.last_deliveries.length > 0 && html`<${Table} caption=${t("Last deliveries")} columns=${columns} rows=${channel.last_deliveries} rowId=${(one) => `${one.message_id} ${one.at}`} />`}</section>`;
}

/** The page. */
export default function IntegrationsPage() {
  const resource = useResource(async () => {
    try {
      return (await api.get(API)).items;
    } catch (error) {
      if (error.status === 404) return null;
      throw error;
    }
  }, [], { every: EVERY_MS });
  return html`<div class="page"><h1 class="visually-hidden">${t("Integrations")}</h1><${Panel} title=${t("Integrations")} id="integrations" resource=${resource} actions=${html`<a class="button button-quiet" href=${address(route.value.site, "outbox")}>${t("Outbox")}</a>`}>${(items) => (items === null
    ? html`<${Empty}>${t("This server does not list its channels.")}</${Empty}>` : html`<p class="hint panel-body">${t("Channels are set up by the server's variables; secrets are never shown.")}</p>${items.map((channel) => html`<${Channel} key=${channel.channel} channel=${channel} onTested=${resource.reload} />`)}`)}</${Panel}></div>`;
}
