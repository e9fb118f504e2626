// What is heard of new alerts and emergencies: a notice, a sound, a notification of the system where that was allowed.

import { t } from "../lib/i18n.js";
import { address } from "../lib/router.js";
import { words } from "../lib/format.js";
import { typeLabel } from "../lib/emergencies.js";
import { announce, signal } from "../lib/ui.js";
import { store } from "../state/live.js";
import { toast } from "./toasts.js";

const KEY = "gatehouse.sound";

/** Whether emergencies and critical alerts make a sound. */
export const sound = signal(localStorage.getItem(KEY) !== "off");

/** Turns the sound on or off, and asks for notifications of the system when it is turned on. */
export async function setSound(on) {
  sound.value = on;
  localStorage.setItem(KEY, on ? "on" : "off");
  if (on && globalThis.Notification?.permission === "default") await Notification.requestPermission();
  if (on) beep(1);
}

let audio = null;

/** Short tones. Browsers allow them once the page was touched. */
function beep(times) {
  if (!sound.value || !("AudioContext" in globalThis)) return;
  // Made before, it would stay silent, and the browser would log a warning.
  if (navigator.userActivation?.hasBeenActive === false) return;
  audio ??= new AudioContext();
  if (audio.state === "suspended") audio.resume().catch(() => {});
  for (let index = 0; index < times; index += 1) {
    const at = audio.currentTime + index * 0.35;
    const tone = audio.createOscillator();
    const volume = audio.createGain();
    tone.frequency.value = index % 2 ? 660 : 880;
    volume.gain.setValueAtTime(0.0001, at);
    volume.gain.exponentialRampToValueAtTime(0.2, at + 0.02);
    volume.gain.exponentialRampToValueAtTime(0.0001, at + 0.3);
    tone.connect(volume).connect(audio.destination);
    tone.start(at);
    tone.stop(at + 0.32);
  }
}

function notify(title, body, tag) {
  if (!document.hidden || !sound.value || globalThis.Notification?.permission !== "granted") return;
  try {
    new Notification(title, { body, tag, icon: "/console/favicon.svg" }).addEventListener("click", () => window.focus());
  } catch {
    // Phones allow them to service workers alone.
  }
}

/** Tells of a new alert or emergency. */
export function announceHeard(kind, document) {
  const { state } = store;
  if (kind === "emergency") {
    const place = state.sites.find((one) => one.slug === document.temple_id)?.name ?? document.temple_id ?? t("place not known");
    const title = `SOS, ${place}: ${t(typeLabel(document.type))}`;
    if (document.severity === "critical" || document.severity === "high") {
      toast({ severity: "critical", title, text: document.description ?? "", to: address(state.site, "emergencies"), focus: `sos-${document.id}` });
    } else {
      announce(`${title}, ${words(document.severity)}`);
    }
    beep(4);
    notify(title, document.description ?? "", document.id);
  } else if (document.severity === "critical") {
    toast({ severity: "critical", title: words(document.alert_type), text: document.message, to: address(state.site, "alerts"), focus: `alert-${document.id}` });
    beep(2);
    notify(words(document.alert_type), document.message, document.id);
  } else {
    announce(`${words(document.severity)}: ${document.message}`);
  }
}
