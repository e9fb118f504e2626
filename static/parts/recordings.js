// What a camera has recorded on a day: a timeline with what is missing, the list, and a player that goes from stretch to stretch.

import { words } from "../lib/format.js";
import { plural, t } from "../lib/i18n.js";
import { useResource } from "../lib/resource.js";
import { setQuery } from "../lib/router.js";
import { clock, dateAt, formatter, fromField, lasting, shortMoment, time } from "../lib/time.js";
import { Icon, html, useEffect, useRef, useState } from "../lib/ui.js";
import { serverNow } from "../state/live.js";
import { api } from "../state/session.js";
import { explained } from "./form.js";
import { Fresh, Panel } from "./panel.js";
import { Table, save } from "./table.js";
import { lead, refused, toast } from "./toasts.js";

const API = "/v0/api/cctv";
const EVERY_MS = 30_000;
const DAY_MS = 86_400_000;
const HOURS = [0, 3, 6, 9, 12, 15, 18, 21, 24];

const spanPath = (id, number) => `${API}/recordings/${id}/download/?span=${number}`;
const fileName = (recording, span, of) => `${recording.name.replaceAll(/[^\w.-]+/g, "_")}${of > 1 ? `-${span.number + 1}` : ""}.mp4`;

/** The stretches of a day that were recorded, and those that should have been; `onPick(ms)` gets the moment that was clicked. */
export function Timeline({ camera, day, zone, onPick }) {
  const from = fromField(`${day}T00:00`, zone);
  const resource = useResource(() => api.get(`${API}/cameras/${encodeURIComponent(camera)}/timeline/?${new URLSearchParams({ from: new Date(from).toISOString(), to: new Date(Math.min(from + DAY_MS, serverNow())).toISOString() })}`), [camera, day], { every: EVERY_MS });
  const part = (stretch) => {
    const [start, end] = [time(stretch.start), time(stretch.end)].map((at) => Math.min(1, Math.max(0, (at - from) / DAY_MS)));
    return { insetInlineStart: `${100 * start}%`, inlineSize: `${Math.max(0.15, 100 * (end - start))}%` };
  };
  const said = (stretch) => `${clock(time(stretch.start), zone)}–${clock(time(stretch.end), zone)}`;
  // By the keyboard there is no place in it: its beginning.
  const pick = (event, stretch) => {
    const { width } = event.currentTarget.getBoundingClientRect();
    const share = event.detail ? event.offsetX / width : 0;
    onPick(time(stretch.start) + share * (time(stretch.end) - time(stretch.start)));
  };
  const hour = (value) => formatter({ hour: "numeric" }, "UTC").format(Date.UTC(2026, 0, 1, value));
  return html`<${Panel} title=${t("Recorded")} id="timeline" resource=${resource} actions=${html`<input class="input" type="date" aria-label=${t("Day")} value=${day} max=${dateAt(serverNow(), zone)} onChange=${(event) => event.target.value && setQuery({ day: event.target.value })} />`}>${({ recorded, missing }) => html`<div class="panel-body">
    <div class="timeline" role="group" aria-label=${t("Recordings of the day")}>
      ${recorded.map((one) => html`<button type="button" key=${one.start} class="timeline-part" style=${part(one)} title=${said(one)} aria-label=${t("Play {span}", { span: said(one) })} onClick=${(event) => pick(event, one)}></button>`)}
      ${missing.map((one) => html`<span key=${one.start} class="timeline-gap" style=${part(one)} title=${`${said(one)}: ${one.reason ? words(one.reason) : t("missing")}`}></span>`)}</div>
    <div class="timeline-hours" aria-hidden="true">${HOURS.map((value) => html`<span key=${value}>${hour(value)}</span>`)}</div>
    ${missing.length > 0 && html`<p class="hint"><${Icon} name="warning" /> ${plural(missing.length, "{n} gap", "{n} gaps")}: ${missing.slice(0, 6).map((one) => `${said(one)}${one.reason ? ` (${words(one.reason)})` : ""}`).join(", ")}</p>`}</div>`}</${Panel}>`;
}

/** The stretches of a recording, one after another from the one at `at`; each is loaded when its turn comes. */
function Player({ recording, zone, at, onClose }) {
  const resource = useResource(() => api.get(`${API}/recordings/${recording.id}/`), [recording.id]);
  const spans = resource.data?.spans ?? [];
  const [state, setState] = useState({ number: null, url: null, error: null });
  const address = useRef(null);
  const turn = useRef(0);
  const video = useRef(null);
  const end = (span) => time(span.start) + span.duration_ms;
  const play = async (number) => {
    turn.current += 1;
    const mine = turn.current;
    setState({ number, url: null, error: null });
    try {
      const blob = await api.blob(spanPath(recording.id, number));
      if (mine !== turn.current) return;
      if (address.current) URL.revokeObjectURL(address.current);
      address.current = URL.createObjectURL(blob);
      setState({ number, url: address.current, error: null });
    } catch (error) {
      if (mine === turn.current) setState({ number, url: null, error });
    }
  };
  const shown = spans.find((span) => span.number === state.number);
  const offset = () => (shown && at !== null ? Math.max(0, (at - time(shown.start)) / 1000) : 0);
  const wanted = at === null ? null : (spans.find((span) => end(span) > at) ?? spans.at(-1))?.number ?? null;
  useEffect(() => {
    if (wanted === null) return;
    // Within the stretch that is there, only the moment changes.
    if (wanted === state.number && state.url && video.current) video.current.currentTime = offset();
    else play(wanted);
  }, [wanted, at]);
  useEffect(() => () => {
    turn.current += 1;
    if (address.current) URL.revokeObjectURL(address.current);
  }, []);
  const next = spans.find((span) => span.number === state.number + 1);
  const seek = (event) => {
    if (offset() > 0 && offset() < event.target.duration) event.target.currentTime = offset();
  };
  const keep = async (span) => {
    try {
      save(await api.blob(spanPath(recording.id, span.number)), fileName(recording, span, spans.length));
    } catch (error) {
      refused(error, t("Not downloaded"));
    }
  };
  return html`<div class="panel-body player" id="player" tabindex="-1"><div class="row"><strong class="grow">${recording.name} · ${shortMoment(time(recording.start_time), zone)}</strong><button type="button" class="button button-quiet" aria-label=${t("Close")} onClick=${onClose}><${Icon} name="close" /></button></div>
    <${Fresh} resource=${resource} rows=${2}>${() => html`
      ${state.url && html`<video class="recording" ref=${video} controls autoplay src=${state.url} onLoadedMetadata=${seek} onEnded=${() => next && play(next.number)} aria-label=${t("Recording")}></video>`}
      ${state.number !== null && !state.url && !state.error && html`<p class="hint" role="status">${t("The stretch is being loaded…")}</p>`}
      ${state.error && html`<p class="form-error" role="alert">${explained(state.error)} <button type="button" class="link" onClick=${() => play(state.number)}>${t("Try again")}</button></p>`}
      <div class="chips" role="group" aria-label=${t("Stretches of the recording")}>${spans.map((span) => html`<button type="button" class="chip" key=${span.number} aria-pressed=${span.number === state.number} onClick=${() => play(span.number)}><${Icon} name="play" />${clock(time(span.start), zone)}–${clock(end(span), zone)}</button>`)}</div>
      ${spans.length === 0 && html`<p class="hint">${t("There is nothing of it to play.")}</p>`}
      ${shown && html`<div class="row"><button type="button" class="button" onClick=${() => keep(shown)}><${Icon} name="download" /> ${t("Download this stretch")}</button>${next && html`<button type="button" class="button" onClick=${() => play(next.number)}>${t("Next stretch")}</button>`}</div>`}`}</${Fresh}></div>`;
}

/** The recordings of a day. `picked` is a moment that is to be played. */
export function Recordings({ camera, day, zone, picked, canProtect }) {
  const from = fromField(`${day}T00:00`, zone);
  const resource = useResource(async () => (await api.get(`${API}/recordings/?${new URLSearchParams({ camera, from: new Date(from).toISOString(), to: new Date(from + DAY_MS).toISOString(), limit: "200" })}`)).items, [camera, day], { every: EVERY_MS });
  const [shown, setShown] = useState(null);
  const within = (one) => picked !== null && time(one.start_time) <= picked && (time(one.end_time) ?? serverNow()) >= picked;
  useEffect(() => {
    if (picked === null || !resource.data) return;
    const one = resource.data.find(within);
    if (!one) {
      toast({ title: t("There is nothing of it to play.") });
      return;
    }
    setShown({ recording: one, at: picked });
    lead("player");
  }, [picked, resource.data !== null]);
  const fetchAll = async (one) => {
    try {
      const { spans } = await api.get(`${API}/recordings/${one.id}/`);
      for (const span of spans) save(await api.blob(spanPath(one.id, span.number)), fileName(one, span, spans.length));
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
  const upload = async (one) => {
    try {
      await api.post(`${API}/recordings/transfer-to-gcp/`, { recording_ids: [one.id] });
      toast({ title: t("It is on its way to the cloud"), text: one.name });
      resource.reload();
    } catch (error) {
      refused(error, t("Not uploaded"));
    }
  };
  const canUpload = (one) => canProtect && !one.is_active && [null, undefined, "failed"].includes(one.transfer_status);
  const open = (one) => {
    setShown({ recording: one, at: time(one.start_time) });
    lead("player");
  };
  const columns = [
    { title: t("Start"), cell: (one) => shortMoment(time(one.start_time), zone) }, { title: t("Lasts"), cell: (one) => lasting(one.duration_seconds * 1000), number: true },
    { title: t("State"), cell: (one) => html`<span class="tag" data-tone=${one.status === "failed" ? "critical" : undefined}>${words(one.status)}</span>` }, { title: t("Size"), number: true, cell: (one) => (one.file_size ? `${(one.file_size / 1e6).toFixed(0)} MB` : "–") },
    { title: t("Cloud"), cell: (one) => html`${one.transfer_status ? words(one.transfer_status) : "–"}${canUpload(one) && html` <button type="button" class="button" onClick=${() => upload(one)}>${one.transfer_status ? t("Upload again") : t("Upload")}</button>`}` },
    { title: "", cell: (one) => html`<button type="button" class="button" onClick=${() => open(one)}>${t("Play")}</button> <button type="button" class="button" onClick=${() => fetchAll(one)}>${t("Download")}</button>${canProtect && html` <button type="button" class="button" aria-pressed=${one.is_protected} onClick=${() => protect(one)}>${one.is_protected ? t("Protected") : t("Protect")}</button>`}` },
  ];
  return html`<${Panel} title=${t("Recordings")} id="recordings" resource=${resource}>${(rows) => html`${shown && html`<${Player} key=${shown.recording.id} recording=${shown.recording} zone=${zone} at=${shown.at} onClose=${() => setShown(null)} />`}
    <${Table} caption=${t("Recordings")} columns=${columns} rows=${rows} rowId=${(one) => one.id} rowProps=${(one) => ({ "aria-selected": within(one) || one.id === shown?.recording.id ? "true" : undefined })} empty=${t("Nothing was recorded on this day.")} />`}</${Panel}>`;
}
