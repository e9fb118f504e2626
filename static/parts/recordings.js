// What a camera has recorded on a day: a timeline with what is missing, the list, and a player that goes from stretch to stretch.

import { words } from "../lib/format.js";
import { plural, t } from "../lib/i18n.js";
import { readable } from "../lib/reasons.js";
import { useResource } from "../lib/resource.js";
import { setQuery } from "../lib/router.js";
import { clock, dateAt, formatter, fromField, lasting, shortMoment, time } from "../lib/time.js";
import { Icon, html, useEffect, useRef, useState } from "../lib/ui.js";
import { serverNow, useNow } from "../state/live.js";
import { api } from "../state/session.js";
import { explained } from "./form.js";
import { Fresh, Panel } from "./panel.js";
import { Table, save } from "./table.js";
import { lead, missed, refused, toast } from "./toasts.js";

const API = "/v0/api/cctv";
const EVERY_MS = 30_000;
const DAY_MS = 86_400_000;
const HOURS = [0, 3, 6, 9, 12, 15, 18, 21, 24];

const spanPath = (id, number) => `${API}/recordings/${id}/download/?span=${number}`;
const fileName = (recording, span, of) => `${recording.name.replaceAll(/[^\w.-]+/g, "_")}${of > 1 ? `-${span.number + 1}` : ""}.mp4`;

/** What a recording is called, with when it began; most names say so themselves. */
const called = ({ name, start_time }, zone) => (readable(name) === name ? `${name} · ${shortMoment(time(start_time), zone)}` : readable(name));

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

/** The stretches of a recording, one after another from the one at `pick.at`, which each new pick begins again; each is loaded when its turn comes. */
function Player({ recording, zone, pick, onClose }) {
  const { at } = pick;
  const resource = useResource(() => api.get(`${API}/recordings/${recording.id}/`), [recording.id]);
  const spans = resource.data?.spans ?? [];
  const [state, setState] = useState({ number: null, url: null, error: null });
  const box = useRef(null);
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
  const offset = () => (shown ? Math.max(0, (at - time(shown.start)) / 1000) : 0);
  const wanted = (spans.find((span) => end(span) > at) ?? spans.at(-1))?.number ?? null;
  useEffect(() => {
    if (wanted === null) return;
    // Within the stretch that is there, only the moment changes.
    if (wanted === state.number && state.url && video.current) video.current.currentTime = offset();
    else play(wanted);
  }, [wanted, pick]);
  // As high as it now is, all of it is to be seen.
  useEffect(() => box.current.scrollIntoView({ block: "nearest" }), [pick, Boolean(state.url)]);
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
      missed(error, t("Not downloaded"));
    }
  };
  return html`<div class="panel-body player" id="player" tabindex="-1" ref=${box}><div class="row"><strong class="grow">${called(recording, zone)}</strong><button type="button" class="button button-quiet" aria-label=${t("Close")} onClick=${onClose}><${Icon} name="close" /></button></div>
    <${Fresh} resource=${resource} rows=${2}>${() => html`
      ${state.number !== null && !state.error && html`<div class="recording">${state.url ? html`<video ref=${video} controls autoplay src=${state.url} onLoadedMetadata=${seek} onEnded=${() => next && play(next.number)} aria-label=${t("Recording")}></video>`
        : html`<p role="status">${t("The stretch is being loaded…")}</p>`}</div>`}
      ${state.error && html`<p class="form-error" role="alert">${explained(state.error)} <button type="button" class="link" onClick=${() => play(state.number)}>${t("Try again")}</button></p>`}
      <div class="chips" role="group" aria-label=${t("Stretches of the recording")}>${spans.map((span) => html`<button type="button" class="chip" key=${span.number} aria-pressed=${span.number === state.number} onClick=${() => play(span.number)}><${Icon} name="play" />${clock(time(span.start), zone)}–${clock(end(span), zone)}</button>`)}</div>
      ${spans.length === 0 && html`<p class="hint">${t("There is nothing of it to play.")}</p>`}
      ${shown && html`<div class="row"><button type="button" class="button" onClick=${() => keep(shown)}><${Icon} name="download" /> ${t("Download this stretch")}</button>${next && html`<button type="button" class="button" onClick=${() => play(next.number)}>${t("Next stretch")}</button>`}</div>`}`}</${Fresh}></div>`;
}

/** How long a recording is; of one that goes on, how long it has gone on by now. */
function Lasts({ recording }) {
  const now = useNow();
  return lasting(recording.is_active ? now - time(recording.start_time) : recording.duration_seconds * 1000);
}

/**
 * The recordings of a day. `picked` has a moment that is to be played; `onTaken()` is called once it is seen to. With each `turn` they are asked
 * for anew.
 */
export function Recordings({ camera, day, zone, picked, onTaken, turn, canProtect }) {
  const from = fromField(`${day}T00:00`, zone);
  const resource = useResource(async () => (await api.get(`${API}/recordings/?${new URLSearchParams({ camera, from: new Date(from).toISOString(), to: new Date(from + DAY_MS).toISOString(), limit: "200" })}`)).items, [camera, day], { every: EVERY_MS });
  useEffect(() => {
    if (turn) resource.reload();
  }, [turn]);
  const [shown, setShown] = useState(null);
  // Where the focus goes when the player is closed: back to what opened it.
  const opener = useRef(null);
  const open = (recording, at) => {
    opener.current = document.activeElement;
    setShown({ recording, at });
    lead("player");
  };
  const close = () => {
    setShown(null);
    const back = opener.current?.isConnected && opener.current !== document.body ? opener.current : document.getElementById("recordings-title");
    back?.focus();
  };
  useEffect(() => {
    if (picked === null || !resource.data) return;
    const one = resource.data.find((recording) => time(recording.start_time) <= picked.at && (time(recording.end_time) ?? serverNow()) >= picked.at);
    onTaken();
    if (one) open(one, picked.at);
    else toast({ title: t("There is nothing of it to play.") });
  }, [picked, resource.data !== null]);
  const fetchAll = async (one) => {
    try {
      const { spans } = await api.get(`${API}/recordings/${one.id}/`);
      for (const span of spans) save(await api.blob(spanPath(one.id, span.number)), fileName(one, span, spans.length));
    } catch (error) {
      missed(error, t("Not downloaded"));
    }
  };
  const protect = async (one) => {
    try {
      await api.patch(`${API}/recordings/${one.id}/`, { is_protected: !one.is_protected });
    } catch (error) {
      refused(error);
    }
    resource.reload();
  };
  const upload = async (one) => {
    try {
      await api.post(`${API}/recordings/transfer-to-gcp/`, { recording_ids: [one.id] });
      toast({ title: t("It is on its way to the cloud"), text: readable(one.name) });
    } catch (error) {
      refused(error, t("Not uploaded"));
    }
    resource.reload();
  };
  const canUpload = (one) => canProtect && !one.is_active && [null, undefined, "failed"].includes(one.transfer_status);
  const columns = [
    { title: t("Start"), cell: (one) => shortMoment(time(one.start_time), zone) }, { title: t("Lasts"), cell: (one) => html`<${Lasts} recording=${one} />`, number: true },
    { title: t("State"), cell: (one) => html`<span class="tag" data-tone=${one.status === "failed" ? "critical" : undefined}>${words(one.status)}</span>` }, { title: t("Size"), number: true, cell: (one) => (one.file_size ? `${(one.file_size / 1e6).toFixed(0)} MB` : "–") },
    { title: t("Cloud"), cell: (one) => html`${one.transfer_status ? words(one.transfer_status) : "–"}${canUpload(one) && html` <button type="button" class="button" onClick=${() => upload(one)}>${one.transfer_status ? t("Upload again") : t("Upload")}</button>`}` },
    { title: "", cell: (one) => html`<button type="button" class="button" onClick=${() => open(one, time(one.start_time))}>${t("Play")}</button> <button type="button" class="button" onClick=${() => fetchAll(one)}>${t("Download")}</button>${canProtect && html` <button type="button" class="button" aria-pressed=${one.is_protected} onClick=${() => protect(one)}>${one.is_protected ? t("Protected") : t("Protect")}</button>`}` },
  ];
  return html`<${Panel} title=${t("Recordings")} id="recordings" resource=${resource}>${(rows) => html`${shown && html`<${Player} key=${shown.recording.id} recording=${shown.recording} zone=${zone} pick=${shown} onClose=${close} />`}
    <${Table} caption=${t("Recordings")} columns=${columns} rows=${rows} rowId=${(one) => one.id} rowProps=${(one) => ({ "aria-selected": one.id === shown?.recording.id ? "true" : undefined })} empty=${t("Nothing was recorded on this day.")} />`}</${Panel}>`;
}
