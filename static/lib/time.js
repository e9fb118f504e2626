// Times for people: on the clock of the site that they are about, in the language and by the 12 or 24 hours that the reader has chosen.

import { locale, t } from "./i18n.js";
import { signal } from "./ui.js";

const KEY = "gatehouse.hours";

/** `auto`, `12` or `24`. */
export const hours = signal(localStorage.getItem(KEY) ?? "auto");

/** The zone of the site that is shown; the reader's own where all are. */
export const zone = signal(undefined);

/** Whether somebody has chosen 12 or 24 hours in this browser. */
export const isClockChosen = () => localStorage.getItem(KEY) !== null;

/** Chooses 12 or 24 hours. */
export function setHours(value) {
  hours.value = value;
  localStorage.setItem(KEY, value);
}

const made = new Map();

/** A formatter, made once. */
export function formatter(options, timeZone = zone.value) {
  const cycle = hours.value === "auto" || !("hour" in options || "timeStyle" in options) ? {} : { hourCycle: hours.value === "12" ? "h12" : "h23" };
  const key = JSON.stringify([locale.value, timeZone, cycle, options]);
  if (!made.has(key)) {
    try {
      made.set(key, new Intl.DateTimeFormat(locale.value, { ...options, ...cycle, timeZone }));
    } catch {
      made.set(key, new Intl.DateTimeFormat(locale.value, { ...options, ...cycle, timeZone: "UTC" }));
    }
  }
  return made.get(key);
}

/** An RFC 3339 time in milliseconds, or null. */
export function time(text) {
  const ms = Date.parse(text ?? "");
  return Number.isNaN(ms) ? null : ms;
}

/** `16:04`. */
export const clock = (ms, timeZone) => formatter({ hour: "2-digit", minute: "2-digit" }, timeZone).format(ms);

/** `26 Nov 2026, 16:04:09 IST`: with its zone, as it may be read elsewhere. */
export const moment = (ms, timeZone) =>
  formatter({ day: "numeric", month: "short", year: "numeric", hour: "2-digit", minute: "2-digit", second: "2-digit", timeZoneName: "short" }, timeZone).format(ms);

/** `26 Nov, 16:04`. */
export const shortMoment = (ms, timeZone) => formatter({ day: "numeric", month: "short", hour: "2-digit", minute: "2-digit" }, timeZone).format(ms);

/** `Thu, 26 November`. */
export const day = (ms, timeZone) => formatter({ weekday: "short", day: "numeric", month: "long" }, timeZone).format(ms);

/** What the zone is called: `IST`. */
export function zoneName(ms, timeZone) {
  return formatter({ hour: "2-digit", timeZoneName: "short" }, timeZone).formatToParts(ms).find((part) => part.type === "timeZoneName")?.value ?? "";
}

/** The zone's name after a time that is on another clock than the header's; else nothing. */
export function zoneMark(ms, timeZone) {
  const own = zone.value ?? new Intl.DateTimeFormat().resolvedOptions().timeZone;
  return timeZone && timeZone !== own ? ` ${zoneName(ms, timeZone)}` : "";
}

/** The times of a slot, `06:00-07:00`, on its own clock, by the hours that the reader has chosen. */
export function slotTimes(slot) {
  const [from, to] = String(slot).split("-").map((text) => Date.parse(`2026-01-01T${text === "24:00" ? "00:00" : text}Z`));
  if (Number.isNaN(from) || Number.isNaN(to)) return String(slot);
  const written = formatter({ hour: "numeric", minute: "2-digit" }, "UTC");
  // A range that ends at midnight would name two days.
  return to > from ? written.formatRange(from, to) : `${written.format(from)} – ${written.format(to)}`;
}

/** How long ago, in words that change slowly: seconds for a minute, then minutes, hours, days. */
export function ago(ms) {
  const seconds = Math.max(0, Math.floor(ms / 1000));
  if (seconds < 3) return t("just now");
  if (seconds < 60) return t("{n} s ago", { n: seconds });
  const minutes = Math.floor(seconds / 60);
  if (minutes < 60) return t("{n} min ago", { n: minutes });
  const hour = Math.floor(minutes / 60);
  return hour < 48 ? t("{n} h ago", { n: hour }) : t("{n} d ago", { n: Math.floor(hour / 24) });
}

/** How long something has been going on: `0:42`, `12:05`, `3 h 07`, `2 d`. */
export function lasting(ms) {
  const seconds = Math.max(0, Math.floor(ms / 1000));
  const two = (value) => String(value).padStart(2, "0");
  const minutes = Math.floor(seconds / 60);
  if (minutes < 60) return `${minutes}:${two(seconds % 60)}`;
  const hour = Math.floor(minutes / 60);
  return hour < 48 ? t("{hours} h {minutes}", { hours: hour, minutes: two(minutes % 60) }) : t("{n} d", { n: Math.floor(hour / 24) });
}

/** How long is left, in words. */
export function left(ms) {
  const minutes = Math.ceil(ms / 60_000);
  if (minutes <= 1) return t("{n} s", { n: Math.max(0, Math.ceil(ms / 1000)) });
  if (minutes < 120) return t("{n} min", { n: minutes });
  return minutes % 60 ? t("{hours} h {minutes} min", { hours: Math.floor(minutes / 60), minutes: minutes % 60 }) : t("{n} h", { n: minutes / 60 });
}

/** The date on the wall of a zone, `2026-02-05`. */
export function dateAt(ms, timeZone = zone.value) {
  /** @type {Intl.DateTimeFormatOptions} */
  const parts = { year: "numeric", month: "2-digit", day: "2-digit" };
  try {
    return new Intl.DateTimeFormat("en-CA", { timeZone, ...parts }).format(ms);
  } catch {
    return new Intl.DateTimeFormat("en-CA", { timeZone: "UTC", ...parts }).format(ms);
  }
}

/** How far a zone's clock is ahead of UTC at this moment, milliseconds. */
function offset(ms, timeZone) {
  const parts = Object.fromEntries(new Intl.DateTimeFormat("en-CA", {
    timeZone, hourCycle: "h23", year: "numeric", month: "2-digit", day: "2-digit", hour: "2-digit", minute: "2-digit", second: "2-digit",
  }).formatToParts(ms).map(({ type, value }) => [type, Number(value)]));
  return Date.UTC(parts.year, parts.month - 1, parts.day, parts.hour, parts.minute, parts.second) - Math.floor(ms / 1000) * 1000;
}

/** A moment as a `datetime-local` field has it, on a zone's clock. */
export function toField(ms, timeZone = zone.value) {
  return new Date(ms + offset(ms, timeZone)).toISOString().slice(0, 16);
}

/** The opposite; null when the field is empty. */
export function fromField(value, timeZone = zone.value) {
  const wall = Date.parse(`${value}Z`);
  if (Number.isNaN(wall)) return null;
  // Twice, as the clock may be put forward or back between.
  const first = wall - offset(wall, timeZone);
  return wall - offset(first, timeZone);
}
