// The camera as a reader of QR codes: by the browser itself where it can (BarcodeDetector), else by jsQR.

import { t } from "../lib/i18n.js";
import { html, useEffect, useRef, useState } from "../lib/ui.js";

const EVERY_MS = 200;
// The same code stays before the camera for a while: it is one scan.
const AGAIN_MS = 4000;
// Wide enough for a code that fills a third of the picture, small enough for a phone to read five times a second.
const WIDTH = 640;

/** What reads a picture: gives the text of the code in it, or null. */
async function reader() {
  if ("BarcodeDetector" in globalThis) {
    const detector = new BarcodeDetector({ formats: ["qr_code"] });
    return async (video) => (await detector.detect(video))[0]?.rawValue ?? null;
  }
  const { default: jsQR } = await import("../vendor/console/jsqr.js");
  const canvas = document.createElement("canvas");
  const pen = canvas.getContext("2d", { willReadFrequently: true });
  return async (video) => {
    const height = Math.round((WIDTH * video.videoHeight) / video.videoWidth) || WIDTH;
    Object.assign(canvas, { width: WIDTH, height });
    pen.drawImage(video, 0, 0, WIDTH, height);
    return jsQR(pen.getImageData(0, 0, WIDTH, height).data, WIDTH, height, { inversionAttempts: "dontInvert" })?.data ?? null;
  };
}

/** The camera; `onText(text)` gets what each code says. */
export function Scanner({ onText }) {
  const video = useRef(null);
  const [on, setOn] = useState(false);
  const [note, setNote] = useState("");
  const told = useRef(onText);
  told.current = onText;
  const can = Boolean(navigator.mediaDevices?.getUserMedia);

  useEffect(() => {
    if (!on) return undefined;
    let stream = null;
    let left = false;
    let timer = 0;
    let last = { text: null, at: 0 };
    const look = async (read) => {
      try {
        const found = video.current?.readyState >= 2 ? await read(video.current) : null;
        const now = performance.now();
        if (found && (found !== last.text || now - last.at > AGAIN_MS)) told.current(found);
        if (found) last = { text: found, at: now };
      } catch {
        // A frame that cannot be read is followed by others.
      }
      if (!left) timer = setTimeout(() => look(read), EVERY_MS);
    };
    (async () => {
      try {
        const opened = await navigator.mediaDevices.getUserMedia({ video: { facingMode: "environment" }, audio: false });
        if (left) {
          opened.getTracks().forEach((track) => track.stop());
          return;
        }
        stream = opened;
        video.current.srcObject = opened;
        await video.current.play();
        look(await reader());
      } catch {
        setNote(t("The camera cannot be used: allow it in the browser, or type the code."));
        setOn(false);
      }
    })();
    return () => {
      left = true;
      clearTimeout(timer);
      stream?.getTracks().forEach((track) => track.stop());
    };
  }, [on]);

  return html`<div class="gate-scanner">
    ${can && html`<button type="button" id="gate-camera" class="button" aria-pressed=${on} onClick=${() => { setNote(""); setOn(!on); }}>${on ? t("Stop the camera") : t("Read with the camera")}</button>`}
    ${(note || !can) && html`<p class="gate-note">${note || t("There is no camera here: type the code, or use a hand scanner.")}</p>`}
    ${on && html`<video class="scanner-video" muted playsinline aria-label=${t("Camera")} ref=${video}></video>`}
  </div>`;
}
