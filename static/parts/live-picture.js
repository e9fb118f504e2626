// The live picture of a camera: by a ticket that is asked for, asked for anew before the stream ends and after it breaks; only while in sight.

import { t } from "../lib/i18n.js";
import { html, useEffect, useRef, useState } from "../lib/ui.js";
import { api } from "../state/session.js";

/** When another picture is asked for after one that failed, milliseconds. */
const RETRY_MS = 3_000;
/** A stream ends after an hour: another is asked for before, milliseconds. */
const RENEW_MS = 55 * 60_000;

/** The picture. `quality` is `main` or `sub`. */
export function LivePicture({ camera, quality = "sub" }) {
  const frame = useRef(null);
  const [seen, setSeen] = useState(false);
  const [source, setSource] = useState(null);
  const [note, setNote] = useState(t("Asking for the picture…"));
  const again = useRef(() => {});
  useEffect(() => {
    const observer = new IntersectionObserver(([entry]) => setSeen(entry.isIntersecting));
    observer.observe(frame.current);
    return () => observer.disconnect();
  }, []);
  useEffect(() => {
    if (!seen) return undefined;
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
        setNote(error.message);
        if (![403, 404].includes(error.status)) later((error.retryAfter || 0) * 1000 || RETRY_MS);
      }
    }
    again.current = () => {
      setSource(null);
      setNote(t("There is no picture at the moment."));
      later(RETRY_MS);
    };
    ask();
    return () => {
      left = true;
      clearTimeout(timer);
      setSource(null);
    };
  }, [seen, camera.camera_id, quality]);
  return html`<div class="live-picture" ref=${frame}>${source && html`<img src=${source} alt=${t("Live picture of {name}", { name: camera.name })} onError=${() => again.current()} />`}${note && html`<p class="live-note" role="status">${note}</p>`}</div>`;
}
