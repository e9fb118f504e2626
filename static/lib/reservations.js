// What reservations mean to a reader: periods, money, states, what can be done next. No elements, no network.

import { locale, number, t } from "./i18n.js";
import { dateAt, formatter, fromField, time, zoneMark } from "./time.js";

const QUARTER_MS = 15 * 60_000;
const HOUR_MS = 3_600_000;

const STATES = {
  pending_payment: "To be paid",
  confirmed: "Confirmed",
  arrived: "Arrived",
  overstayed: "Overstayed",
  completed: "Completed",
  cancelled: "Cancelled",
  expired: "Expired unpaid",
  no_show: "Did not come",
};

/** The label of a reservation's state; a hold that has ended is shown as such before the server has said so. */
export function reservationState(reservation, now) {
  return isExpired(reservation, now) ? STATES.expired : STATES[reservation.status] ?? reservation.status;
}

/** Whether an unpaid hold has run out. */
export function isExpired(reservation, now) {
  const until = time(reservation.hold_expires_at);
  return reservation.status === "expired" || (reservation.status === "pending_payment" && until !== null && until <= now);
}

/** What its owner can still do about it; a longer stay may leave something to pay of one that was paid. */
export function ownersMoves(reservation, now) {
  const pending = reservation.status === "pending_payment" && !isExpired(reservation, now);
  const rest = (time(reservation.due_until) ?? 0) > now;
  return { pay: reservation.due > 0 && (pending || rest), cancel: pending || reservation.status === "confirmed" };
}

/** What staff can do about it at the gate. */
export function staffMoves(reservation) {
  return {
    arrive: reservation.status === "confirmed",
    depart: reservation.status === "arrived" || reservation.status === "overstayed",
    cancel: reservation.status === "confirmed" || reservation.status === "pending_payment",
  };
}

/** The period that a form begins with: two hours from the next quarter of an hour. */
export function nextPeriod(now) {
  const start = Math.ceil(now / QUARTER_MS) * QUARTER_MS;
  return { start, end: start + 2 * HOUR_MS };
}

/** What is wrong with a period, or null. */
export function periodProblem(start, end) {
  if (start === null || end === null) return "Choose a start and an end.";
  return end > start ? null : "The end must come after the start.";
}

/** Minor units as an amount of money: 4000, "INR" → ₹40.00. */
export function amount(minor, currency) {
  if (typeof minor !== "number") return "";
  if (!currency) return number(minor);
  const format = new Intl.NumberFormat(locale.value, { style: "currency", currency: currency.toUpperCase() });
  return format.format(minor / 10 ** format.resolvedOptions().maximumFractionDigits);
}

/** What something costs: the same, and in words where that is nothing. */
export const money = (minor, currency) => (minor === 0 ? t("Free of charge") : amount(minor, currency));

/** `4 Feb, 10:30 – 12:30`, on the clock of its site; both dates when they differ. */
export function period(reservation, timeZone = undefined) {
  const start = time(reservation.start) ?? 0;
  const end = time(reservation.end) ?? 0;
  const day = { day: "numeric", month: "short" };
  const clock = { hour: "2-digit", minute: "2-digit" };
  const same = formatter(day, timeZone).format(start) === formatter(day, timeZone).format(end);
  return `${formatter({ ...day, ...clock }, timeZone).format(start)} – ${formatter(same ? clock : { ...day, ...clock }, timeZone).format(end)}${zoneMark(start, timeZone)}`;
}

/** How long a hold lasts still: `12:05`. */
export function countdown(ms) {
  const seconds = Math.max(0, Math.ceil(ms / 1000));
  return `${Math.floor(seconds / 60)}:${String(seconds % 60).padStart(2, "0")}`;
}

/**
 * A day on the clock of a site, as RFC 3339 times; of today also six hours on either side of `now`: a night shift sees who comes after
 * midnight.
 */
export function dayOf(date, now, timeZone) {
  const from = fromField(`${date}T00:00`, timeZone);
  const to = fromField(`${new Date(Date.parse(date) + 24 * HOUR_MS).toISOString().slice(0, 10)}T00:00`, timeZone);
  const at = (ms) => new Date(ms).toISOString();
  if (date !== dateAt(now, timeZone)) return { from: at(from), to: at(to) };
  return { from: at(Math.min(from, now - 6 * HOUR_MS)), to: at(Math.max(to, now + 6 * HOUR_MS)) };
}
