// Cameras: a wall of live pictures; of one its recordings on a timeline with gaps, its schedules, what is on its way to the cloud.

import { isAdmin } from "../../lib/model.js";
import { t } from "../../lib/i18n.js";
import { useFreshness, useResource } from "../../lib/resource.js";
import { address, route, setQuery } from "../../lib/router.js";
import { dateAt } from "../../lib/time.js";
import { Icon, html, useState } from "../../lib/ui.js";
import { Schedules, Transfers } from "../../parts/camera-work.js";
import { LivePicture, StillPicture } from "../../parts/live-picture.js";
import { Card, Empty, Panel } from "../../parts/panel.js";
import { Recordings, Timeline } from "../../parts/recordings.js";
import { missed, refused, toast } from "../../parts/toasts.js";
import { serverNow, store, useStore } from "../../state/live.js";
import { settle } from "../../state/once.js";
import { api } from "../../state/session.js";

const API = "/v0/api/cctv";
const EVERY_MS = 30_000;

function Online({ camera }) {
  return html`<span class="tag" data-tone=${camera.is_online === false ? "critical" : camera.is_online ? "good" : undefined}>${camera.is_online === false ? t("Offline") : camera.is_online ? t("Online") : t("Not known")}</span>`;
}

function CameraWall({ site }) {
  const resource = useResource(() => api.all(`${API}/cameras/?limit=200${site ? `&site=${encodeURIComponent(site)}` : ""}`, 400), [site], { every: EVERY_MS });
  const { query } = route.value;
  const columns = query.get("columns") ?? "3";
  return html`<div class="page"><h1 class="visually-hidden">${t("Cameras")}</h1><${Panel} title=${t("Cameras")} id="cameras" resource=${resource} rows=${8}
    actions=${html`<div class="chips" role="group" aria-label=${t("Columns")}>${["2", "3", "4"].map((one) => html`<button type="button" class="chip" key=${one} aria-pressed=${one === columns} onClick=${() => setQuery({ columns: one })}>${one}×</button>`)}</div>`}>${(cameras) => (cameras.length === 0 ? html`<${Empty}>${t("There are no cameras here.")}</${Empty}>`
    : html`<ul class="camera-wall" data-columns=${columns}>${cameras.map((camera) => html`<li class="camera-tile" key=${camera.camera_id} data-camera=${camera.camera_id}>
      <${StillPicture} camera=${camera} /><a class="camera-name" href=${address(camera.site ?? site, "cameras", camera.camera_id)}>${camera.name}</a><span class="camera-place">${camera.location !== camera.name && camera.location}</span><${Online} camera=${camera} /></li>`)}</ul>`)}</${Panel}>
    ${isAdmin(store.state.user) && html`<${Transfers} />`}</div>`;
}

function Camera({ id }) {
  const state = useStore("sites");
  const [picked, setPicked] = useState(null);
  const [turn, setTurn] = useState(0);
  const path = `${API}/cameras/${encodeURIComponent(id)}`;
  const resource = useResource(() => api.get(`${path}/`), [id], { every: EVERY_MS });
  const status = useResource(() => api.get(`${path}/recording_status/`), [id], { every: EVERY_MS });
  const camera = resource.data;
  const isNone = !camera && resource.error?.status === 404;
  useFreshness(isNone ? "fresh" : status.status);
  const zone = state.sites.find((one) => one.slug === camera?.site)?.time_zone;
  const day = route.value.query.get("day") ?? dateAt(serverNow(), zone);
  const record = async (verb, body, isOn) => {
    try {
      await settle(() => api.post(`${path}/${verb}/`, body), `${path}/recording_status/`, (now) => now.is_recording === isOn);
      toast({ title: isOn ? t("Recording has begun") : t("Recording has ended"), text: camera.name });
    } catch (error) {
      refused(error);
    }
    status.reload();
    setTurn((before) => before + 1);
  };
  const test = async () => {
    try {
      const { success, message } = await api.post(`${path}/test_connection/`);
      toast({ severity: success ? "info" : "warning", title: success ? t("The camera answers") : t("The camera does not answer"), text: success ? camera.name : message });
    } catch (error) {
      missed(error, t("The connection was not tested"));
    }
    resource.reload();
  };
  if (isNone) return html`<div class="page camera-page"><div class="page-head"><h1>${id}</h1><a class="button" href=${address(route.value.site, "cameras")}>${t("All cameras")}</a></div><${Card}><${Empty}>${t("There is no such camera.")}</${Empty}></${Card}></div>`;
  return html`<div class="page camera-page"><div class="page-head"><h1>${camera?.name ?? id}</h1><a class="button" href=${address(route.value.site, "cameras")}>${t("All cameras")}</a></div>
    <${Panel} title=${t("Live")} id="live" resource=${resource} actions=${camera && html`<${Online} camera=${camera} />
      ${!status.data ? status.status === "failed" && html`<span class="tag" data-tone="warning">${t("It is not known whether it records")}</span><button type="button" class="button" onClick=${status.reload}>${t("Try again")}</button>` : status.data.is_recording ? html`<span class="tag" data-tone="critical"><${Icon} name="record" />${t("Recording")}</span><button type="button" class="button" onClick=${() => record("stop_recording", undefined, false)}>${t("Stop recording")}</button>` : html`<button type="button" class="button" onClick=${() => record("start_recording", {}, true)}>${t("Record now")}</button>`}
      <button type="button" class="button" onClick=${test}>${t("Test the connection")}</button>`}>${() => html`<${LivePicture} camera=${camera} /><p class="hint panel-body">${[camera.location, camera.description].filter(Boolean).join(" · ")}</p>`}</${Panel}>
    ${resource.status === "failed" ? null : html`<${Timeline} key=${`t${day}`} camera=${id} day=${day} zone=${zone} onPick=${(at) => setPicked({ at })} /><${Recordings} key=${`r${day}`} camera=${id} day=${day} zone=${zone} picked=${picked} onTaken=${() => setPicked(null)} turn=${turn} canProtect=${isAdmin(state.user)} />
    ${isAdmin(state.user) && html`<${Schedules} camera=${id} canChange />`}`}
  </div>`;
}

/** The page: the wall, or the camera that the address names. */
export default function CamerasPage({ site, detail }) {
  return detail ? html`<${Camera} id=${detail} />` : html`<${CameraWall} site=${site} />`;
}
