// What a gate decides by itself: reads a ticket, checks its signature, judges a scan by the day's list.
// No elements, no network. The rules are the server's own (docs/reference/tickets.md); its word stands when it is in reach.

import { dateAt } from "./time.js";

const EARLY_MS = 30 * 60_000;
const CODE = /^[2-9A-HJ-NP-Z]{8}$/;

/** What the gate says of each refusal. */
export const REFUSALS = {
  already_checked_in: "Already checked in",
  bad_signature: "Not a genuine ticket",
  cancelled: "Booking was cancelled",
  invalid: "The scan cannot be judged",
  not_confirmed: "The booking never got places",
  not_inside: "Nobody of this booking is inside",
  exited: "Has left already",
  revoked: "Ticket was revoked",
  too_early: "Slot has not begun yet",
  too_late: "Slot is over",
  unknown_booking: "No such booking on the list",
  wrong_day: "Booking is for another day",
  wrong_temple: "Booking is for another temple",
};

/** What the clock or the ticket says, which a supervisor may set aside for a booking that has places: `domain::booking::may_overrule`. */
const FORGIVEN = ["too_early", "too_late", "wrong_day", "revoked"];
const HAS_PLACES = ["confirmed", "no_show"];

/**
 * Whether a supervisor may let in who was refused for this reason, with a booking of this status. A forged ticket is left to the server: here
 * nobody knows whose booking it would be.
 */
export const mayOverrule = (reason, status) => FORGIVEN.includes(reason) && HAS_PLACES.includes(status);

/** Why a booking of this status is not let in; `unknown_booking` where there is none. */
export function refusalOf(status) {
  if (status === "revoked" || status === "cancelled") return status;
  if (status === "waitlisted" || status === "expired") return "not_confirmed";
  return status === "checked_in" || status === "exited" ? "already_checked_in" : "unknown_booking";
}

const NONCE = /^[A-Za-z0-9._-]{1,64}$/;
const ID = /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i;

/** A booking code as it was typed, `k7p2 9qxm` → `K7P2-9QXM`; null when it cannot be one. */
export function parseCode(typed) {
  const plain = typed.replace(/[\s-]/g, "").toUpperCase();
  return CODE.test(plain) ? `${plain.slice(0, 4)}-${plain.slice(4)}` : null;
}

function bytesOf(base64url) {
  if (!/^[A-Za-z0-9_-]+$/.test(base64url)) return null;
  try {
    return Uint8Array.from(atob(base64url.replaceAll("-", "+").replaceAll("_", "/")), (c) => c.charCodeAt(0));
  } catch {
    return null;
  }
}

const hex = (bytes) => [...bytes].map((byte) => byte.toString(16).padStart(2, "0")).join("");

/** What a ticket's text says, unverified; null when it is no ticket. */
export function readTicket(text) {
  const parts = text.trim().split(".");
  if (text.length > 300 || parts.length !== 3 || parts[0] !== "GHT1") return null;
  const bytes = bytesOf(parts[1]);
  const signature = bytesOf(parts[2]);
  if (!bytes || bytes.length < 29 || bytes.length > 92 || signature?.length !== 64) return null;
  const view = new DataView(bytes.buffer);
  const id = hex(bytes.subarray(4, 20));
  const startsAt = view.getUint32(20) * 1000;
  return {
    kid: hex(bytes.subarray(0, 4)),
    booking: [id.slice(0, 8), id.slice(8, 12), id.slice(12, 16), id.slice(16, 20), id.slice(20)].join("-"),
    startsAt,
    endsAt: startsAt + view.getUint16(24) * 60_000,
    party: bytes[26],
    number: bytes[27],
    site: new TextDecoder().decode(bytes.subarray(28)),
    signed: `GHT1.${parts[1]}`,
    signature,
  };
}

/** Whether this is a scan as a gate writes it down: what else lies on the machine was put there by somebody else. */
export function isScan(one) {
  const { kind, nonce, booking, ticket, scanned_at: at, override_reason: reason } = one ?? {};
  const isNamed = typeof nonce === "string" && NONCE.test(nonce) && typeof booking === "string" && (ID.test(booking) || parseCode(booking) === booking);
  const isOfTicket = ticket === undefined || (typeof ticket === "string" && readTicket(ticket)?.booking === booking);
  const isSaid = Number.isFinite(Date.parse(at)) && (reason === undefined || typeof reason === "string");
  return ["checkin", "exit"].includes(kind) && isNamed && isOfTicket && isSaid;
}

/** Whether one of these public keys signed it: true, false, or null where this browser cannot tell. */
export async function isGenuine(ticket, keys) {
  const candidates = keys.filter((key) => key.kid === ticket.kid);
  if (candidates.length === 0) return false;
  for (const key of candidates) {
    try {
      const imported = await crypto.subtle.importKey("raw", bytesOf(key.x), { name: "Ed25519" }, false, ["verify"]);
      if (await crypto.subtle.verify("Ed25519", imported, ticket.signature, new TextEncoder().encode(ticket.signed))) return true;
    } catch {
      return null;
    }
  }
  return false;
}

/** What a gate keeps of a booking: no names. */
export function entry(document) {
  return {
    id: document.id,
    code: document.booking_code,
    date: document.date,
    slot: document.slot,
    starts: Date.parse(document.starts_at),
    ends: Date.parse(document.ends_at),
    party: document.party_size,
    number: document.ticket_number,
    status: document.status,
  };
}

/**
 * Judges a scan by the list alone. `asked` has `code`, or `ticket` with `genuine`; `gate` has `site`, `timeZone`, `list` (by id). Gives
 * `{ reason }` with null for "come in", and `known`, the entry of the list, if any.
 */
export function judge(asked, gate, now) {
  const { ticket, code } = asked;
  if (ticket && (asked.genuine === false || asked.genuine === undefined)) return { reason: "bad_signature" };
  if (ticket && ticket.site !== gate.site) return { reason: "wrong_temple" };
  let known = null;
  if (ticket) known = gate.list.get(ticket.booking) ?? null;
  else known = [...gate.list.values()].find((one) => one.code === code) ?? null;
  // A ticket that is not on the list was bought after it was taken: its signature vouches for it, where that could be checked.
  if (!known && !(ticket && asked.genuine)) return { reason: ticket ? "bad_signature" : "unknown_booking" };
  const judged = (reason) => ({ reason, known: known ?? null });
  if (known) {
    if (known.status === "revoked" || known.status === "cancelled") return judged(known.status);
    if (known.status === "waitlisted" || known.status === "expired") return judged("not_confirmed");
    if (ticket && ticket.number !== known.number) return judged("revoked");
    if (known.status === "checked_in" || known.status === "exited") return judged("already_checked_in");
  }
  const starts = known?.starts ?? ticket.startsAt;
  const ends = known?.ends ?? ticket.endsAt;
  if (now >= starts - EARLY_MS && now <= ends) return judged(null);
  if (dateAt(now, gate.timeZone) !== (known?.date ?? dateAt(starts, gate.timeZone))) return judged("wrong_day");
  return judged(now < starts ? "too_early" : "too_late");
}
