// The camera as a reader of QR codes, where the browser can read them by itself (BarcodeDetector).

import { h } from "../dom.js";

const EVERY_MS = 200;
// The same code stays before the camera for a while: it is one scan.
const AGAIN_MS = 4000;

/** Whether this browser can. */
export function canScan() {
  return "BarcodeDetector" in globalThis && Boolean(navigator.mediaDevices?.getUserMedia);
}

/** A scanner; `onText(text)` gets what each code says. `start()` rejects when the camera is refused or missing. */
export function createScanner({ onText }) {
  const video = h("video", { class: "scanner-video", muted: true, playsinline: true, "aria-label": "Camera" });
  let stream = null;
  let timer = 0;
  let last = { text: null, at: 0 };

  async function look(detector) {
    try {
      const [found] = video.readyState >= 2 ? await detector.detect(video) : [];
      const now = performance.now();
      if (found?.rawValue && (found.rawValue !== last.text || now - last.at > AGAIN_MS)) onText(found.rawValue);
      if (found?.rawValue) last = { text: found.rawValue, at: now };
    } catch {
      // A frame that cannot be read is followed by others.
    }
    if (stream) timer = setTimeout(() => look(detector), EVERY_MS);
  }

  return {
    element: video,

    async start() {
      const opened = await navigator.mediaDevices.getUserMedia({ video: { facingMode: "environment" }, audio: false });
      stream = opened;
      video.srcObject = opened;
      await video.play();
      look(new BarcodeDetector({ formats: ["qr_code"] }));
    },

    stop() {
      clearTimeout(timer);
      stream?.getTracks().forEach((track) => track.stop());
      stream = null;
      video.srcObject = null;
    },
  };
}
