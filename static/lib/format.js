// Words and numbers for people.

import { t } from "./i18n.js";

export const STATES = [
  { key: "free", label: "Free" },
  { key: "occupied", label: "Occupied" },
  { key: "reserved", label: "Reserved" },
  { key: "out_of_service", label: "Out of service" },
];

export const KINDS = {
  standard: "Standard",
  accessible: "Accessible",
  ev: "EV charging",
  two_wheeler: "Two-wheeler",
  vip: "VIP",
};

export const HEALTHS = [
  { key: "offline", label: "Offline", icon: "offline" },
  { key: "warning", label: "Warning", icon: "health_warning" },
  { key: "unknown", label: "Never seen", icon: "unknown" },
  { key: "healthy", label: "Healthy", icon: "healthy" },
];

/** The label of a spot's state; one that is not known here is shown as it came. */
export function stateLabel(key) {
  return STATES.find((state) => state.key === key)?.label ?? key;
}

/** The label and the icon of a device's health. */
export function health(key) {
  return HEALTHS.find((one) => one.key === key) ?? HEALTHS[2];
}

/** `device_offline` → `Device offline`, `mainDarshan` → `Main darshan`. */
export function words(name) {
  const plain = String(name ?? "");
  const spaced = (/^[a-z]+([A-Z][a-z]+)+$/.test(plain) ? plain.replace(/[A-Z]/g, (letter) => ` ${letter.toLowerCase()}`) : plain).replaceAll("_", " ");
  return t(spaced.charAt(0).toUpperCase() + spaced.slice(1));
}

/** The part of a spot's id that is painted on the ground: `PARK-B1-S005` → `5`. */
export function shortSpot(id) {
  const last = String(id).split("-").pop();
  const number = /^[A-Za-z]*0*(\d{1,4})$/.exec(last);
  return number ? number[1] : last.slice(-4);
}

/** A share as a whole percentage. */
export function percent(part, whole) {
  return whole > 0 ? `${Math.round((100 * part) / whole)} %` : "–";
}

/** A measured number with its unit, or a dash. */
export function quantity(value, unit, digits = 0) {
  return typeof value === "number" ? `${value.toFixed(digits)} ${unit}` : "–";
}
