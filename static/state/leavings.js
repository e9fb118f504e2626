// What somebody leaves on a machine, and what of it goes when they do.

import { clearLists } from "./gate-store.js";

// Tickets, plates and searches are of who was here; language, sound and the name of the gate are of the machine.
const OF_A_USER = ["gatehouse.tickets", "gatehouse.ticket_pictures", "gatehouse.plate", "gatehouse.filters"];

/** Forgets what belongs to whoever was signed in. A gate that is merely without a network is still signed in, and keeps its list. */
export function clearLeavings() {
  for (const key of OF_A_USER) localStorage.removeItem(key);
  return clearLists();
}
