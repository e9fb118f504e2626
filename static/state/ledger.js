// What a gate keeps on this machine for one temple, in IndexedDB: the day's list, the public keys, and the scans to be uploaded. The queue
// outlives the page and is emptied by the server's answer alone.

import { entry, isScan, readTicket } from "../lib/gate.js";
import { eraOfLists, loadKept, saveKept } from "./gate-store.js";

const UPLOAD = 200;
// As long as a booking code.
const SHOWN = 9;

/** Opens what is kept for a temple. */
export async function openLedger(site) {
  const names = { day: `${site}.day`, queue: `${site}.queue` };
  const [kept, queue] = await Promise.all([loadKept(names.day, null), loadKept(names.queue, [])]);
  const era = eraOfLists();
  let saving = Promise.resolve(true);
  // One write at a time, in order: the last one is how it stands.
  const write = (key, value) => {
    // Who was signed in here has left, and the list with them; what is not uploaded stays.
    saving = saving.then(() => (key === names.day && era !== eraOfLists() ? true : saveKept(key, value())));
    return saving;
  };

  const scans = Array.isArray(queue) ? queue.filter(isScan) : [];
  // What is no scan does not count as one that waits, either.
  if (scans.length !== queue.length) write(names.queue, () => ledger.queue);

  const ofTicket = (ticket, status) => ({
    id: ticket.booking, code: "", date: null, slot: "", starts: ticket.startsAt, ends: ticket.endsAt, party: ticket.party, number: ticket.number, status,
  });

  const ledger = {
    date: kept?.date ?? null,
    takenAt: kept?.takenAt ?? null,
    keys: kept?.keys ?? [],
    list: new Map((kept?.list ?? []).map((one) => [one.id, one])),
    queue: scans,

    /** Takes the day's list, with the public keys; false when there is no room to keep it past this page. */
    take(date, documents, keys, now) {
      Object.assign(ledger, { date, keys, takenAt: now, list: new Map(documents.map((one) => [one.id, entry(one)])) });
      // What was let in here and is not uploaded yet is in, whatever the server says so far.
      for (const scan of ledger.queue) mark(scan);
      return keep();
    },

    /** What the list has of a booking, by its id or its code. */
    find(booking) {
      return ledger.list.get(booking) ?? [...ledger.list.values()].find((one) => one.code === booking);
    },

    /** What people call the booking of a scan: its code, where that is known; else the end of its id. */
    code({ booking }) {
      return ledger.find(booking)?.code || (booking.length > SHOWN ? `…${booking.slice(-SHOWN)}` : booking);
    },

    /** Notes that a booking came in or left, so that it is not let in twice. */
    note(id, status, ticket) {
      const known = ledger.list.get(id);
      if (known) known.status = status;
      else if (ticket) ledger.list.set(id, ofTicket(ticket, status));
      return keep();
    },

    /** Queues a scan; false when it could not be written down. */
    push(scan) {
      ledger.queue.push(scan);
      mark(scan);
      keep();
      return write(names.queue, () => ledger.queue);
    },

    /** The scans of this user to upload next, if any: ways in and ways out go by different routes, in their order. */
    next(by) {
      const own = ledger.queue.filter((scan) => scan.by === by);
      const end = own.findIndex((scan) => scan.kind !== own[0].kind);
      return { kind: own[0]?.kind, scans: own.slice(0, end < 0 ? UPLOAD : Math.min(end, UPLOAD)) };
    },

    /** The scans that somebody else has left here: nothing says that this user stands by them. */
    foreign: (by) => ledger.queue.filter((scan) => scan.by !== by),

    /** Makes all scans this user's. */
    adopt(by) {
      ledger.queue = ledger.queue.map((scan) => ({ ...scan, by }));
      return write(names.queue, () => ledger.queue);
    },

    /** Forgets scans that the server has judged. */
    done(nonces) {
      ledger.queue = ledger.queue.filter((scan) => !nonces.has(scan.nonce));
      return write(names.queue, () => ledger.queue);
    },
  };

  function mark(scan) {
    const known = ledger.find(scan.booking);
    const status = scan.kind === "exit" ? "exited" : "checked_in";
    if (known) known.status = status;
    else if (scan.ticket) ledger.list.set(scan.booking, ofTicket(readTicket(scan.ticket), status));
  }

  function keep() {
    return write(names.day, () => ({ date: ledger.date, takenAt: ledger.takenAt, keys: ledger.keys, list: [...ledger.list.values()] }));
  }

  return ledger;
}
