// Pictures of a camera, only while they are in sight. Alone, a stream: by a ticket that is asked for, asked for anew before the stream ends and
// after it breaks. On a wall, single pictures: a browser has six connections to a server, and as many streams leave none for anything else.

import { t } from "../lib/i18n.js";
import { html, useEffect, useRef, useState } from "../lib/ui.js";
import { api } from "../state/session.js";
import { explained } from "./form.js";

/** When another picture is asked for after one that failed, milliseconds. */
const RETRY_MS = 3_000;
/** A stream ends after an hour: another is asked for before, milliseconds. */
const RENEW_MS = 55 * 60_000;

/**
 * A stream that ended, or whose server went away, leaves its last picture, and the browser tells nobody. A picture that is the same for so long is
 * taken for one, and another stream is asked for, milliseconds.
 */
const STILL_LOOK_MS = 3_000;
const STILL_MOST_MS = 12_000;

/** How often a single picture is asked for, milliseconds, and how long for one. */
const STILL_MS = 2_500;
const STILL_WITHIN_MS = 10_000;

/** Whether the element of this reference is in sight. */
function useSeen(frame) {
  const [seen, setSeen] = useState(false);
  useEffect(() => {
    const observer = new IntersectionObserver(([entry]) => setSeen(entry.isIntersecting));
    observer.observe(frame.current);
    return () => observer.disconnect();
  }, []);
  return seen;
}

/** The picture of a moment, again and again. */
export function StillPicture({ camera }) {
  const frame = useRef(null);
  const seen = useSeen(frame);
  const [source, setSource] = useState(null);
  const [note, setNote] = useState(t("Asking for the picture…"));
  useEffect(() => {
    if (!seen) return undefined;
    if (!camera.has_pictures) {
      setNote(t("This camera has no live pictures over HTTP."));
      return undefined;
    }
    let left = false;
    let timer = 0;
    let shown = null;
    const show = (address) => {
      if (shown) URL.revokeObjectURL(shown);
      shown = address;
      if (!left) setSource(address);
    };
    async function ask() {
      let pause = STILL_MS;
      try {
        const picture = await api.blob(`/v0/api/cctv/cameras/${encodeURIComponent(camera.camera_id)}/snapshot/`, { within: STILL_WITHIN_MS });
        if (left) return;
        show(URL.createObjectURL(picture));
        setNote("");
      } catch (error) {
        if (left) return;
        show(null);
        setNote(t("There is no picture at the moment."));
        pause = [403, 404, 409].includes(error.status) ? 0 : Math.max(RETRY_MS, (error.retryAfter || 0) * 1000);
      }
      if (pause) timer = setTimeout(ask, pause);
    }
    ask();
    return () => {
      left = true;
      clearTimeout(timer);
      show(null);
    };
  }, [seen, camera.camera_id, camera.has_pictures]);
  return html`<div class="live-picture" ref=${frame} data-none=${camera.has_pictures ? undefined : ""}>${source && html`<img src=${source} alt=${t("Live picture of {name}", { name: camera.name })} />`}${note && html`<p class="live-note" role="status">${note}</p>`}</div>`;
}

/** What a picture shows now, small enough to be compared; null where it cannot be told. */
function glimpse(image, canvas) {
  if (!image?.naturalWidth || document.hidden) return null;
  try {
    const drawing = canvas.getContext("2d", { willReadFrequently: true });
    drawing.drawImage(image, 0, 0, canvas.width, canvas.height);
    return drawing.getImageData(0, 0, canvas.width, canvas.height).data.join();
  } catch {
    return null;
  }
}

/** Calls `onStill()` when the picture in a frame stands still for too long. */
function useStillness(frame, source, onStill) {
  useEffect(() => {
    if (!source) return undefined;
    const canvas = Object.assign(document.createElement("canvas"), { width: 32, height: 24 });
    let last = null;
    let since = Date.now();
    const timer = setInterval(() => {
      const now = glimpse(frame.current?.querySelector("img"), canvas);
      if (now === null || now !== last) since = Date.now();
      last = now;
      if (Date.now() - since > STILL_MOST_MS) {
        since = Date.now();
        onStill();
      }
    }, STILL_LOOK_MS);
    return () => clearInterval(timer);
  }, [source]);
}

/** The stream. `quality` is `main` or `sub`. */
export function LivePicture({ camera, quality = "main" }) {
  const frame = useRef(null);
  const seen = useSeen(frame);
  const [source, setSource] = useState(null);
  const [note, setNote] = useState(t("Asking for the picture…"));
  const again = useRef(() => {});
  const anew = useRef(() => {});
  useStillness(frame, source, () => anew.current());
  useEffect(() => {
    if (!seen) return undefined;
    if (!camera.has_pictures) {
      setNote(t("This camera has no live pictures over HTTP."));
      return undefined;
    }
    let left = false;
    let timer = 0;
    const later = (ms) => {
      clearTimeout(timer);
      timer = setTimeout(ask, ms);
    };
    async function ask() {
      try {
        const stream = await api.get(`/v0/api/cctv/cameras/${encodeURIComponent(camera.camera_id)}/stream/?quality=${quality}`);
        if (left) return;
        if (!stream.mjpeg) {
          setNote(t("This camera has no live pictures over HTTP."));
          return;
        }
        setSource(stream.mjpeg.url);
        setNote("");
        later(RENEW_MS);
      } catch (error) {
        if (left) return;
        setSource(null);
        setNote(explained(error));
        if (![403, 404].includes(error.status)) later((error.retryAfter || 0) * 1000 || RETRY_MS);
      }
    }
    again.current = () => {
      setSource(null);
      setNote(t("There is no picture at the moment."));
      later(RETRY_MS);
    };
    anew.current = () => later(0);
    ask();
    return () => {
      left = true;
      clearTimeout(timer);
      setSource(null);
    };
  }, [seen, camera.camera_id, camera.has_pictures, quality]);
  return html`<div class="live-picture" ref=${frame} data-none=${camera.has_pictures ? undefined : ""}>${source && html`<img src=${source} alt=${t("Live picture of {name}", { name: camera.name })} onError=${() => again.current()} />`}${note && html`<p class="live-note" role="status">${note}</p>`}</div>`;
}
