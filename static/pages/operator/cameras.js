// Cameras: a wall of live pictures; of one its recordings on a timeline with gaps, its schedules, what is on its way to the cloud.

import { words } from "../../lib/format.js";
import { isAdmin } from "../../lib/model.js";
import { plural, t } from "../../lib/i18n.js";
import { useResource } from "../../lib/resource.js";
import { address, route, setQuery } from "../../lib/router.js";
import { clock, dateAt, fromField, lasting, shortMoment, time } from "../../lib/time.js";
import { Icon, html, useState } from "../../lib/ui.js";
import { Schedules, Transfers } from "../../parts/camera-work.js";
import { LivePicture, StillPicture } from "../../parts/live-picture.js";
import { Empty, Panel } from "../../parts/panel.js";
import { Table, save } from "../../parts/table.js";
import { refused, toast } from "../../parts/toasts.js";
import { serverNow, store, useStore } from "../../state/live.js";
import { api } from "../../state/session.js";

const API = "/v0/api/cctv";
const EVERY_MS = 30_000;
const DAY_MS = 86_400_000;

function Online({ camera }) {
  return html`<span class="tag" data-tone=${camera.is_online === false ? "critical" : camera.is_online ? "good" : undefined}>${camera.is_online === false ? t("Offline") : camera.is_online ? t("Online") : t("Not known")}</span>`;
}

function Wall({ site }) {
  const resource = useResource(() => api.all(`${API}/cameras/?limit=200${site ? `&site=${encodeURIComponent(site)}` : ""}`, 400), [site], { every: EVERY_MS });
  const { query } = route.value;
  const columns = query.get("columns") ?? "3";
  return html`<div class="page"><h1 class="visually-hidden">${t("Cameras")}</h1><${Panel} title=${t("Cameras")} id="cameras" resource=${resource} rows=${8}
    actions=${html`<div class="chips" role="group" aria-label=${t("Columns")}>${["2", "3", "4"].map((one) => html`<button type="button" class="chip" key=${one} aria-pressed=${one === columns} onClick=${() => setQuery({ columns: one })}>${one}×</button>`)}</div>
      <button type="button" class="button button-quiet" onClick=${() => setQuery({ wall: "1" })}><${Icon} name="wall" /> ${t("On a wall")}</button>`}>${(cameras) => (cameras.length === 0 ? html`<${Empty}>${t("There are no cameras here.")}</${Empty}>`
    : html`<ul class="camera-wall" data-columns=${columns}>${cameras.map((camera) => html`<li class="camera-tile" key=${camera.camera_id} data-camera=${camera.camera_id}>
      <${StillPicture} camera=${camera} /><a class="camera-name" href=${address(camera.site ?? site, "cameras", camera.camera_id)}>${camera.name}</a><span class="camera-place">${camera.location}</span><${Online} camera=${camera} /></li>`)}</ul>`)}</${Panel}>
    ${isAdmin(store.state.user) && html`<${Transfers} />`}</div>`;
}

/** The stretches of a day that were recorded, and those that should have been. */
function Timeline({ camera, day, zone, onPick }) {
  const from = fromField(`${day}T00:00`, zone);
  const resource = useResource(() => api.get(`${API}/cameras/${encodeURIComponent(camera)}/timeline/?${new URLSearchParams({ from: new Date(from).toISOString(), to: new Date(Math.min(from + DAY_MS, serverNow())).toISOString() })}`), [camera, day], { every: EVERY_MS });
  const part = (stretch) => {
    const [start, end] = [time(stretch.start), time(stretch.end)].map((at) => Math.min(1, Math.max(0, (at - from) / DAY_MS)));
    return { insetInlineStart: `${100 * start}%`, inlineSize: `${Math.max(0.15, 100 * (end - start))}%` };
  };
  const said = (stretch) => `${clock(time(stretch.start), zone)}–${clock(time(stretch.end), zone)}`;
  return html`<${Panel} title=${t("Recorded")} id="timeline" resource=${resource} actions=${html`<input class="input" type="date" aria-label=${t("Day")} value=${day} max=${dateAt(serverNow(), zone)} onChange=${(event) => event.target.value && setQuery({ day: event.target.value })} />`}>${({ recorded, missing }) => html`<div class="panel-body">
    <div class="timeline" role="group" aria-label=${t("Recordings of the day")}>
      ${recorded.map((one) => html`<button type="button" key=${one.start} class="timeline-part" style=${part(one)} title=${said(one)} aria-label=${t("Recorded {span}", { span: said(one) })} onClick=${() => onPick(one)}></button>`)}
      ${missing.map((one) => html`<span key=${one.start} class="timeline-gap" style=${part(one)} title=${`${said(one)}: ${one.reason ? words(one.reason) : t("missing")}`}></span>`)}</div>
    <div class="timeline-hours" aria-hidden="true">${[0, 3, 6, 9, 12, 15, 18, 21, 24].map((hour) => html`<span key=${hour}>${String(hour).padStart(2, "0")}</span>`)}</div>
    ${missing.length > 0 && html`<p class="hint"><${Icon} name="warning" /> ${plural(missing.length, "{n} gap", "{n} gaps")}: ${missing.slice(0, 6).map((one) => `${said(one)}${one.reason ? ` (${words(one.reason)})` : ""}`).join(", ")}</p>`}</div>`}</${Panel}>`;
}

function Player({ recording, onClose }) {
  const [state, setState] = useState({ url: null, error: null, busy: false });
  const play = async () => {
    setState({ url: null, error: null, busy: true });
    try {
      const blob = await api.blob(`${API}/recordings/${recording.id}/download/`);
      setState({ url: URL.createObjectURL(blob), error: null, busy: false });
    } catch (error) {
      setState({ url: null, error, busy: false });
    }
  };
  return html`<div class="panel-body">${state.url ? html`<video class="recording" controls autoplay src=${state.url}></video>` : html`<button type="button" class="button button-main" aria-busy=${state.busy ? "true" : undefined} onClick=${play}><${Icon} name="play" /> ${t("Load and play")}</button>`}
    ${state.error && html`<p class="form-error" role="alert">${state.error.message}</p>`}<p class="hint">${recording.name} · ${shortMoment(time(recording.start_time))}</p><button type="button" class="button" onClick=${onClose}>${t("Close")}</button></div>`;
}

function Recordings({ camera, day, zone, picked }) {
  const from = fromField(`${day}T00:00`, zone);
  const resource = useResource(async () => (await api.get(`${API}/recordings/?${new URLSearchParams({ camera, from: new Date(from).toISOString(), to: new Date(from + DAY_MS).toISOString(), limit: "200" })}`)).items, [camera, day], { every: EVERY_MS });
  const [shown, setShown] = useState(null);
  const fetchOne = async (one) => {
    try {
      save(await api.blob(`${API}/recordings/${one.id}/download/`), `${one.name.replaceAll(/[^\w.-]+/g, "_")}.mp4`);
    } catch (error) {
      refused(error, t("Not downloaded"));
    }
  };
  const protect = async (one) => {
    try {
      await api.patch(`${API}/recordings/${one.id}/`, { is_protected: !one.is_protected });
      resource.reload();
    } catch (error) {
      refused(error);
    }
  };
  const within = (one) => picked && time(one.start_time) <= time(picked.end) && (time(one.end_time) ?? serverNow()) >= time(picked.start);
  const columns = [
    { title: t("Begin"), cell: (one) => shortMoment(time(one.start_time), zone) }, { title: t("Lasts"), cell: (one) => lasting(one.duration_seconds * 1000), number: true },
    { title: t("State"), cell: (one) => html`<span class="tag" data-tone=${one.status === "failed" ? "critical" : undefined}>${words(one.status)}</span>` }, { title: t("Size"), number: true, cell: (one) => (one.file_size ? `${(one.file_size / 1e6).toFixed(0)} MB` : "–") },
    { title: t("Cloud"), cell: (one) => (one.transfer_status ? words(one.transfer_status) : "–") },
    { title: "", cell: (one) => html`<button type="button" class="button" onClick=${() => setShown(one)}>${t("Play")}</button> <button type="button" class="button" onClick=${() => fetchOne(one)}>${t("Download")}</button> <button type="button" class="button" aria-pressed=${one.is_protected} onClick=${() => protect(one)}>${one.is_protected ? t("Protected") : t("Protect")}</button>` },
  ];
  return html`<${Panel} title=${t("Recordings")} id="recordings" resource=${resource}>${(rows) => html`${shown && html`<${Player} key=${shown.id} recording=${shown} onClose=${() => setShown(null)} />`}
    <${Table} caption=${t("Recordings")} columns=${columns} rows=${rows} rowId=${(one) => one.id} rowProps=${(one) => ({ "aria-selected": within(one) ? "true" : undefined })} empty=${t("Nothing was recorded on this day.")} />`}</${Panel}>`;
}

function Camera({ id }) {
  const state = useStore("sites");
  const [picked, setPicked] = useState(null);
  const path = `${API}/cameras/${encodeURIComponent(id)}`;
  const resource = useResource(() => api.get(`${path}/`), [id], { every: EVERY_MS });
  const status = useResource(() => api.get(`${path}/recording_status/`), [id], { every: EVERY_MS });
  const camera = resource.data;
  const zone = state.sites.find((one) => one.slug === camera?.site)?.time_zone;
  const day = route.value.query.get("day") ?? dateAt(serverNow(), zone);
  const act = async (verb, body) => {
    try {
      const answer = await api.post(`${path}/${verb}/`, body);
      toast({ title: words(verb), text: answer.message ?? "" });
      status.reload();
      resource.reload();
    } catch (error) {
      refused(error);
    }
  };
  return html`<div class="page camera-page"><div class="page-head"><h1>${camera?.name ?? id}</h1><a class="button" href=${address(route.value.site, "cameras")}>${t("All cameras")}</a></div>
    <${Panel} title=${t("Live")} id="live" resource=${resource} actions=${camera && html`<${Online} camera=${camera} />
      ${status.data?.is_recording ? html`<span class="tag" data-tone="critical"><${Icon} name="record" />${t("Recording")}</span><button type="button" class="button" onClick=${() => act("stop_recording")}>${t("Stop recording")}</button>` : html`<button type="button" class="button" onClick=${() => act("start_recording", {})}>${t("Record now")}</button>`}
      <button type="button" class="button" onClick=${() => act("test_connection")}>${t("Test the connection")}</button>`}>${() => html`<${LivePicture} camera=${camera} /><p class="hint panel-body">${[camera.location, camera.description].filter(Boolean).join(" · ")}</p>`}</${Panel}>
    ${resource.status === "failed" ? null : html`<${Timeline} key=${`t${day}`} camera=${id} day=${day} zone=${zone} onPick=${setPicked} /><${Recordings} key=${`r${day}`} camera=${id} day=${day} zone=${zone} picked=${picked} />
    ${isAdmin(state.user) && html`<${Schedules} camera=${id} canChange />`}`}
  </div>`;
}

/** The page: the wall, or the camera that the address names. */
export default function CamerasPage({ site, detail }) {
  return detail ? html`<${Camera} id=${detail} />` : html`<${Wall} site=${site} />`;
}
