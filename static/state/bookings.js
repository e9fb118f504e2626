// A visitor's own bookings. The last answer is kept on this machine, so that a ticket can be shown at a gate without a network.

import { useResource } from "../lib/resource.js";
import { useEffect, useMemo, useState } from "../lib/ui.js";
import { api, user } from "./session.js";

const KEY = "gatehouse.tickets";
const PICTURES = "gatehouse.ticket_pictures";
const EVERY_MS = 15_000;
const WITHIN_MS = 20_000;
// Whoever waits for longer than this at a gate is shown what is kept.
const PATIENCE_MS = 1000;

/** Whether it is still to come, or under way. */
export function isAhead(booking, now) {
  return ["confirmed", "waitlisted", "checked_in"].includes(booking.status) && Date.parse(booking.ends_at) > now;
}

function pictures() {
  try {
    return JSON.parse(localStorage.getItem(PICTURES)) ?? {};
  } catch {
    return {};
  }
}

/** The QR code of a booking as it was when there was a network, as an address that needs none; null when it was never there. */
export const keptPicture = (booking) => {
  const known = pictures()[booking.id];
  return known?.ticket === booking.ticket ? known.address : null;
};

/** Writes something of this user down, while they are here: who comes next shall find nothing of them. */
function write(owner, key, value) {
  if (user.value?.id === owner) localStorage.setItem(key, JSON.stringify(value));
}

/** Keeps the QR codes of what is to come, and forgets the others. */
async function keepPictures(owner, bookings) {
  const before = pictures();
  const ahead = bookings.filter((one) => one.status === "confirmed" && one.ticket && Date.parse(one.ends_at) > Date.now()).slice(0, 10);
  const now = Object.fromEntries(ahead.map((one) => [one.id, before[one.id]]).filter(([, known]) => known));
  for (const booking of ahead.filter((one) => now[one.id]?.ticket !== one.ticket)) {
    const drawing = await (await api.blob(booking.qr_svg_url, { within: WITHIN_MS })).text();
    now[booking.id] = { ticket: booking.ticket, address: `data:image/svg+xml,${encodeURIComponent(drawing)}` };
    // Each at once: the network may be gone before the next.
    write(owner, PICTURES, now);
  }
  write(owner, PICTURES, now);
}

function kept() {
  try {
    const { owner, at, bookings } = JSON.parse(localStorage.getItem(KEY)) ?? {};
    return owner === user.value?.id ? { at, bookings } : null;
  } catch {
    return null;
  }
}

/** The bookings of whoever is signed in, the newest first. */
export function useBookings() {
  const before = useMemo(kept, []);
  const resource = useResource(async () => {
    // Before the answer: by then it may be somebody else.
    const owner = user.value?.id;
    const bookings = await api.all("/api/bookings/my-bookings?limit=100", 300);
    try {
      write(owner, KEY, { owner, at: Date.now(), bookings: bookings.slice(0, 50) });
    } catch {
      // A full store is no reason to show nothing.
    }
    // The picture on the page has its own address: this one is for later.
    keepPictures(owner, bookings).catch(() => {});
    return bookings;
  }, [], { every: EVERY_MS });
  const [waited, setWaited] = useState(false);
  useEffect(() => {
    const timer = setTimeout(() => setWaited(true), PATIENCE_MS);
    return () => clearTimeout(timer);
  }, []);
  const isKeptShown = resource.status === "failed" || (resource.status === "loading" && waited);
  if (isKeptShown && before) return { ...resource, status: "stale", data: before.bookings, at: before.at };
  return resource;
}
