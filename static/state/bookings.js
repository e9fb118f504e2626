// A visitor's own bookings. The last answer is kept on this machine, so that a ticket can be shown at a gate without a network.

import { useResource } from "../lib/resource.js";
import { useMemo } from "../lib/ui.js";
import { api, user } from "./session.js";

const KEY = "gatehouse.tickets";
const EVERY_MS = 15_000;

/** Whether it is still to come, or under way. */
export function isAhead(booking, now) {
  return ["confirmed", "waitlisted", "checked_in"].includes(booking.status) && Date.parse(booking.ends_at) > now;
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
    const bookings = await api.all("/api/bookings/my-bookings?limit=100", 300);
    try {
      localStorage.setItem(KEY, JSON.stringify({ owner: user.value.id, at: Date.now(), bookings: bookings.slice(0, 50) }));
    } catch {
      // A full store is no reason to show nothing.
    }
    return bookings;
  }, [], { every: EVERY_MS });
  if (resource.status === "failed" && before) return { ...resource, status: "stale", data: before.bookings, at: before.at };
  return resource;
}
