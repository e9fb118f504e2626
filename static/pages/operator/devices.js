// Devices: the ones in trouble first; of one its readings over time, its keys, its maintenance.

import { HEALTHS, health, quantity } from "../../lib/format.js";
import { isAdmin, countDevices, ofSite } from "../../lib/model.js";
import { t } from "../../lib/i18n.js";
import { useResource } from "../../lib/resource.js";
import { address, route, setQuery } from "../../lib/router.js";
import { ago, moment, shortMoment, time } from "../../lib/time.js";
import { Component, Icon, html, useMemo, useState } from "../../lib/ui.js";
import { Chart } from "../../parts/chart.js";
import { Confirm, Form, Sheet } from "../../parts/form.js";
import { KeptFilters } from "../../parts/kept-filters.js";
import { Card, Empty, Panel } from "../../parts/panel.js";
import { PrintButton, Table, saveCsv } from "../../parts/table.js";
import { printing } from "../../parts/print.js";
import { refused, toast } from "../../parts/toasts.js";
import { freshnessOf, reload, serverNow, store, useNow, useStore } from "../../state/live.js";
import { remove } from "../../state/once.js";
import { api } from "../../state/session.js";

const ORDER = HEALTHS.map((one) => one.key);
/** In the address, hours, how much is one point, what it is called. @type {[string, number, string, string][]} */
const RANGES = [["6h", 6, "5m", "6 hours"], ["1d", 24, "5m", "1 day"], ["7d", 168, "1h", "7 days"], ["30d", 720, "1h", "30 days"]];
const HISTORY_EVERY_MS = 60_000;
const MOST = 400;
const fresh = freshnessOf("devices");

const siteName = (slug) => store.state.sites.find((one) => one.slug === slug)?.name ?? slug;

function Health({ device }) {
  const { label, icon } = health(device.shown);
  return html`<span class="device-state" data-health=${device.shown}><${Icon} name=${icon} class="health-icon" /><span class="device-label">${t(label)}</span></span>`;
}

function Battery({ level }) {
  if (typeof level !== "number") return "–";
  const share = Math.round(100 * Math.min(1, Math.max(0, level)));
  return html`<span class="battery" data-low=${share < 20 ? "" : undefined}><span class="battery-body" aria-hidden="true"><span class="battery-level" style=${{ width: `${share}%` }}></span></span><span>${share} %</span></span>`;
}

function Supply({ device }) {
  if (typeof device.voltage !== "number" && !device.electrical_state) return "–";
  const numbers = typeof device.voltage === "number" ? `${quantity(device.voltage, "V")} · ${quantity(device.power_w, "W")}` : "";
  return html`<span class="supply" data-state=${device.electrical_state}>${device.electrical_state && device.electrical_state !== "Normal" ? `${device.electrical_state} ` : ""}${numbers}</span>`;
}

const CSV = ["device_code", "site", "zone", "spot_id", "health", "last_seen_at", "battery", "voltage", "power_w", "firmware"].map((name) => ({ title: name, cell: (one) => one[name] }));

/** What is sought. Apart, as the list is drawn each second, which would put back what somebody has just emptied by other means than keys. */
class Sought extends Component {
  shouldComponentUpdate(next) {
    return next.value !== this.props.value || next.label !== this.props.label;
  }

  render({ value, label }) {
    return html`<input type="search" placeholder=${label} aria-label=${label} autocomplete="off" spellcheck=${false} value=${value} onInput=${(event) => setQuery({ q: event.target.value })} />`;
  }
}

function List({ site }) {
  const state = useStore("devices", "site");
  const now = useNow();
  const { query } = route.value;
  const [wanted, sought] = [query.get("health"), (query.get("q") ?? "").toLowerCase()];
  const here = [...ofSite(state.devices.values(), site)];
  const counts = countDevices(here);
  const shown = here.filter((device) => !wanted || device.shown === wanted)
    .filter((device) => !sought || [device.device_code, device.zone, device.spot_id, device.name].some((part) => part?.toLowerCase().includes(sought)))
    .sort((a, b) => ORDER.indexOf(a.shown) - ORDER.indexOf(b.shown) || a.device_code.localeCompare(b.device_code, undefined, { numeric: true }));
  const chips = [[null, "All", counts.total], ...HEALTHS.map((one) => [one.key, one.label, counts[one.key]])].filter(([key, , count]) => key === null || count > 0 || key === wanted);
  const filters = html`<div class="filters panel-body"><div class="chips" role="group" aria-label=${t("Show devices by health")}>${chips.map(([key, label, count]) => html`<button type="button" class="chip" key=${label} data-health=${key} aria-pressed=${key === wanted}
      onClick=${() => setQuery({ health: key })}>${t(label)} <span class="chip-count">${count}</span></button>`)}</div>
    <label class="search"><${Icon} name="search" /><${Sought} value=${query.get("q") ?? ""} label=${t("Find a device")} /></label><${KeptFilters} page="devices" /></div>`;
  const rows = printing.value ? shown : shown.slice(0, MOST);
  return html`<div class="page devices-page"><h1 class="visually-hidden">${t("Devices")}</h1><${Panel} class="devices-panel" id="devices" title=${t("Devices")} resource=${{ ...fresh.value, reload: () => reload("devices") }}
    actions=${html`<button type="button" class="button button-quiet" onClick=${() => reload("devices")}><${Icon} name="refresh" /> ${t("Refresh")}</button><button type="button" class="button button-quiet" onClick=${() => saveCsv("devices", CSV, shown)}><${Icon} name="download" /> CSV</button><${PrintButton} />`}>${() => html`${filters}
    ${rows.length === 0 ? html`<${Empty} action=${!here.length && isAdmin(state.user) && html`<a class="button button-main" href=${address(site, "setup")}>${t("Set up a car park")}</a>`}>${here.length ? t("No device matches.") : t("No devices here.")}</${Empty}>` : html`<div class="table-scroll" tabindex="0" role="region" aria-label=${t("{name}: table", { name: t("Devices") })}><table class="table devices">
      <thead><tr>${["Health", "Device", "Place", "Last seen", "Battery", "Supply", "Firmware"].map((title) => html`<th scope="col" key=${title}>${t(title)}</th>`)}</tr></thead>
      <tbody>${rows.map((device) => html`<tr class="device" key=${device.device_code} data-device=${device.device_code} data-health=${device.shown}><td><${Health} device=${device} /></td>
        <td><a class="device-code" href=${address(device.site, "devices", device.device_code)}>${device.device_code}</a></td><td>${[device.zone, device.spot_id !== device.device_code && device.spot_id].filter(Boolean).join(" · ")}</td>
        <td><time class="device-seen" title=${device.seen === null ? undefined : moment(device.seen)}>${device.seen === null ? t("never") : ago(now - device.seen)}</time></td><td><${Battery} level=${device.battery} /></td><td><${Supply} device=${device} /></td><td>${device.firmware ?? "–"}</td></tr>`)}</tbody></table></div>`}
    ${shown.length > MOST && html`<p class="hint panel-body">${t("The first {n}. Search to see others.", { n: MOST })}</p>`}`}</${Panel}></div>`;
}

function History({ code, timeZone }) {
  const chosen = RANGES.find(([key]) => key === route.value.query.get("range")) ?? RANGES[1];
  const [key, hours, bucket] = chosen;
  const resource = useResource(async () => {
    const to = serverNow();
    const query = new URLSearchParams({ device: code, from: new Date(to - hours * 3_600_000).toISOString(), to: new Date(to).toISOString(), bucket, limit: "500" });
    return api.all(`/api/telemetry/?${query}`, 3000);
  }, [code, key], { every: HISTORY_EVERY_MS });
  const drawn = useMemo(() => {
    const rows = [...(resource.data ?? [])].sort((a, b) => (a.from < b.from ? -1 : 1));
    const mean = (name) => rows.map((row) => row[name]?.mean ?? null);
    return { times: rows.map((row) => time(row.from)), voltage: [{ label: t("Voltage"), unit: "V", token: "--occupied", digits: 1, values: mean("voltage") }], power: [{ label: t("Power"), unit: "W", token: "--reserved", digits: 0, values: mean("power_w") }] };
  }, [resource.data]);
  return html`<${Panel} title=${t("Readings")} id="readings" resource=${resource} rows=${6} actions=${html`<div class="chips" role="group" aria-label=${t("Range")}>${RANGES.map(([one, , , label]) => html`<button type="button" class="chip" key=${one} aria-pressed=${one === key} onClick=${() => setQuery({ range: one })}>${t(label)}</button>`)}</div>`}>
    ${() => (drawn.times.length === 0 ? html`<${Empty}>${t("Nothing was measured in this time.")}</${Empty}>` : html`<div class="panel-body"><${Chart} times=${drawn.times} series=${drawn.voltage} timeZone=${timeZone} words=${t("Voltage over time")} /><${Chart} times=${drawn.times} series=${drawn.power} from=${0} timeZone=${timeZone} words=${t("Power over time")} /></div>`)}</${Panel}>`;
}

function Keys({ code }) {
  const path = `/api/devices/${encodeURIComponent(code)}/credentials`;
  const resource = useResource(async () => (await api.get(`${path}?limit=50`)).items, [code]);
  const [made, setMade] = useState(null);
  const [asking, setAsking] = useState(null);
  const create = async (body) => {
    setMade(await api.post(path, body));
    setAsking(null);
  };
  const columns = [
    { title: t("Label"), cell: (one) => one.label ?? "–" }, { title: t("Created"), cell: (one) => shortMoment(time(one.created_at)) },
    { title: t("State"), cell: (one) => html`<span class="tag" data-tone=${one.revoked_at ? undefined : "good"}>${one.revoked_at ? t("Revoked") : t("In use")}</span>` },
    { title: "", cell: (one) => !one.revoked_at && html`<button type="button" class="button" onClick=${() => setAsking({ revoke: one })}>${t("Revoke")}</button>` },
  ];
  return html`<${Panel} title=${t("Keys")} id="keys" resource=${resource} actions=${html`<button type="button" class="button" onClick=${() => setAsking({ add: true })}><${Icon} name="plus" /> ${t("New key")}</button>`}>${(rows) => html`<${Table} caption=${t("Keys")} columns=${columns} rows=${rows} rowId=${(one) => one.id} empty=${t("No key yet: the device cannot send with one.")} />`}
    ${asking?.add && html`<${Sheet} title=${t("New key")} onClose=${() => setAsking(null)}><${Form} isNew fields=${[{ name: "label", label: t("What it is for") }]} submit=${t("Create it")} onCancel=${() => setAsking(null)} onSubmit=${(body) => create(body).finally(resource.reload)} /></${Sheet}>`}
    ${made && html`<${Sheet} title=${t("The key of {code}", { code })} onClose=${() => setMade(null)}><p>${t("It is shown this once. Put it into the device now.")}</p><code class="once-key">${made.key}</code><div class="form-buttons"><button type="button" class="button button-main" onClick=${() => setMade(null)}>${t("Done")}</button></div></${Sheet}>`}
    ${asking?.revoke && html`<${Confirm} title=${t("Revoke this key?")} action=${t("Revoke")} onClose=${() => setAsking(null)} onConfirm=${() => remove(`${path}/${asking.revoke.id}`).finally(resource.reload)}><p>${t("The device is refused from now on, until it has another.")}</p></${Confirm}>`}
  </${Panel}>`;
}

function Device({ code }) {
  const state = useStore("sites");
  const now = useNow();
  const resource = useResource(() => api.get(`/api/devices/${encodeURIComponent(code)}`), [code], { on: ["device"], every: 30_000 });
  const admin = isAdmin(state.user);
  const turn = async () => {
    try {
      resource.set(await api.patch(`/api/devices/${encodeURIComponent(code)}`, { is_active: !resource.data.is_active }));
      toast({ title: t("Saved"), text: code });
    } catch (error) {
      refused(error);
      resource.reload();
    }
    reload("devices");
  };
  const device = resource.data;
  const seen = time(device?.last_seen_at);
  const head = html`<div class="page-head"><h1>${code}</h1><a class="button" href=${address(route.value.site, "devices")}>${t("All devices")}</a></div>`;
  if (!device && resource.error?.status === 404) return html`<div class="page device-page">${head}<${Card}><${Empty}>${t("There is no such device.")}</${Empty}></${Card}></div>`;
  return html`<div class="page device-page">${head}
    <${Panel} title=${t("State")} id="device" resource=${resource} actions=${admin && device && html`<button type="button" class="button" onClick=${turn}>${device.is_active ? t("Into maintenance") : t("Back in use")}</button>`}>${() => html`<dl class="facts panel-body">
      ${[["Health", html`<${Health} device=${{ shown: seen === null ? "unknown" : device.health }} />`], ["Last heartbeat", seen === null ? t("never") : html`<time title=${moment(seen)}>${ago(now - seen)}</time>`], ["In use", device.is_active ? t("Yes") : t("No: in maintenance")], ["Place", [siteName(device.site), device.zone, device.spot_id].filter(Boolean).join(" · ")],
        ["Battery", html`<${Battery} level=${device.battery} />`], ["Supply", html`<${Supply} device=${device} />`], ["Power factor", quantity(device.power_factor, "", 2)], ["Firmware", device.firmware ?? "–"], ["Panic button", device.is_panic_button ? t("Yes") : t("No")]].map(([name, value]) => html`<div key=${name}><dt>${t(name)}</dt><dd>${value}</dd></div>`)}</dl>`}</${Panel}>
    <${History} code=${code} timeZone=${state.sites.find((one) => one.slug === device?.site)?.time_zone} />
    ${admin && html`<${Keys} code=${code} />`}
  </div>`;
}

/** The page: all, or the one that the address names. */
export default function DevicesPage({ site, detail }) {
  return detail ? html`<${Device} code=${detail} />` : html`<${List} site=${site} />`;
}
