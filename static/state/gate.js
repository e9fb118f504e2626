// The gate at work: lets pilgrims in and out, by the server where it is in reach, by the day's list where it is not.

import { REFUSALS, isGenuine, judge, mayOverrule, parseCode, readTicket, refusalOf } from "../lib/gate.js";
import { plural, t } from "../lib/i18n.js";
import { newNonce } from "../lib/nonce.js";
import { clock, day, slotTimes, time } from "../lib/time.js";
import { explained } from "../parts/form.js";
import { toast } from "../parts/toasts.js";
import { hub, serverNow, store } from "./live.js";
import { openLedger } from "./ledger.js";
import { api, user } from "./session.js";

const ANSWER_MS = 6000;
const REFRESH_MS = 10_000;
const LIST_MS = 120_000;
const KEPT_SCANS = 30;
const MOST_BOOKINGS = 100_000;

/** What is told of a booking that was not let in, in the language that is shown; nothing where none is known. */
function told(booking) {
  if (!booking) return undefined;
  const { slot, date, temple_id: site, checked_in_at: at, gate } = booking;
  return [
    site && (store.state.sites.find((one) => one.slug === site)?.name ?? site),
    t("Slot {slot}, {date}", { slot: slotTimes(slot), date: day(Date.parse(`${date}T12:00:00Z`), "UTC") }),
    at && t(gate ? "came in at {at}, gate {gate}" : "came in at {at}", { at: clock(time(at)), gate }),
  ].filter(Boolean).join(" · ");
}

/**
 * The gate of a temple. `onChange(shown)` gets what is to be seen each time that it changes; `name()` is what this gate is called. `start()`,
 * `scan(raw)`, `overrule(refused, reason)`, `adopt()`, `setExits(value)`, `stop()`.
 */
export function createGate({ temple, onChange, name }) {
  const shown = { online: true, takenAt: null, bookings: 0, waiting: 0, foreign: [], verdict: null, log: [], inside: null, since: 0, exits: false };
  // Who works here: what they scan is uploaded in their name, and in nobody else's.
  const by = user.value?.id;
  let ledger = null;
  let left = false;
  let listAt = 0;
  let refreshing = null;
  // What is scanned before the ledger is open waits for it.
  /** @type {(value?: any) => void} */
  let open = () => {};
  let turn = new Promise((done) => {
    open = done;
  });
  let timer = 0;
  let off = () => {};

  function tell(change = {}) {
    Object.assign(shown, change);
    if (ledger) Object.assign(shown, { takenAt: ledger.takenAt, bookings: ledger.list.size, waiting: ledger.queue.length, foreign: ledger.foreign(by).map((one) => ({ ...one, code: ledger.code(one) })) });
    if (!left) onChange({ ...shown });
  }

  function record(good, words) {
    shown.log = [{ good, words, at: serverNow(), key: newNonce() }, ...shown.log].slice(0, KEPT_SCANS);
  }

  function verdict(one) {
    record(one.good, [one.what, one.title, one.detail].filter(Boolean).join(" · "));
    tell({ verdict: one });
  }

  const comes = ({ nonce, booking, ticket }) =>
    api.post(`/api/bookings/${encodeURIComponent(booking)}/checkin`, { temple_id: temple.slug, nonce, ticket, gate: name() }, { within: ANSWER_MS });
  const leaves = ({ nonce, booking }) => api.post(`/api/bookings/${encodeURIComponent(booking)}/exit`, { nonce }, { within: ANSWER_MS });

  async function scan(raw) {
    const ticket = readTicket(raw);
    const code = ticket ? null : parseCode(raw);
    if (!ticket && !code) {
      verdict({ good: false, title: t("Not readable"), detail: t("That is neither a ticket nor a booking code."), what: raw.trim().slice(0, 40) });
      return;
    }
    const one = { kind: shown.exits ? "exit" : "checkin", nonce: newNonce(), booking: ticket?.booking ?? code, ticket: ticket ? raw.trim() : undefined };
    // What was said of the one before is not said of this one while the server takes its time.
    tell({ verdict: { title: t("Checking…"), detail: "", what: ledger.code(one) } });
    try {
      const document = one.kind === "exit" ? await leaves(one) : await comes(one);
      ledger.note(document.id, document.status, ticket);
      shown.online = true;
      say(one, { reason: null, party: document.party_size, code: document.booking_code, byList: false });
      refresh();
    } catch (error) {
      shown.online = !error.isAway;
      if (error.isAway) await scanOffline(one, ticket, code);
      else {
        const reason = error.status === 404 ? "unknown_booking" : error.reason ?? "invalid";
        const booking = error.problem?.booking;
        const elsewhere = reason === "wrong_temple" ? booking?.temple_id : undefined;
        say(one, { reason, status: booking?.status, code, byList: false, message: told(booking && { ...booking, temple_id: elsewhere }) ?? explained(error) });
      }
    }
  }

  async function scanOffline(one, ticket, code) {
    if (ledger.takenAt === null) {
      verdict({ good: false, title: t("Cannot be judged"), detail: t("There is no network, and this gate has no list of the day yet."), what: code ?? "" });
      return;
    }
    const genuine = ticket ? await isGenuine(ticket, ledger.keys) : undefined;
    const gate = { site: temple.slug, timeZone: temple.time_zone, list: ledger.list };
    let { reason, known } = judge({ ticket, code, genuine }, gate, serverNow());
    if (one.kind === "exit" && known) reason = known.status === "checked_in" ? null : known.status === "exited" ? "exited" : "not_inside";
    const party = known?.party ?? ticket?.party ?? 0;
    if (reason === null) await keep(one, party);
    say(one, { reason, status: known?.status, party, code: known?.code || code, byList: true, message: known?.slot ? told({ slot: known.slot, date: known.date }) : undefined });
  }

  /** Writes a scan down before it counts. */
  async function keep(one, party) {
    Object.assign(one, { by, scanned_at: new Date(serverNow()).toISOString() });
    if (!(await ledger.push(one))) toast({ severity: "warning", title: t("Not kept"), text: t("This device is out of room: do not close this page before the scans are uploaded.") });
    shown.since += one.kind === "exit" ? -party : party;
  }

  /**
   * Shows what was judged; `status` is the booking's, where that is known.
   * @param {any} one
   * @param {{ reason: string | null, status?: string, party?: number, code?: string, byList: boolean, message?: string }} judged
   */
  function say(one, { reason, status, party, code, byList, message }) {
    const good = reason === null;
    const title = good ? (one.kind === "exit" ? t("Goodbye") : t("Come in")) : REFUSALS[reason] ? t(REFUSALS[reason]) : message ?? t("Refused");
    const people = party ? plural(party, "Party of {n}", "Party of {n}") : "";
    verdict({
      good, title, reason, what: code ?? "", detail: [good ? people : message, byList ? t("judged by the list") : ""].filter(Boolean).join(" · "),
      // What a supervisor may set aside, with a reason. Asked again after a lost answer, it is still one word.
      refused: one.kind === "checkin" && mayOverrule(reason, status) ? { one, reason, party, code: code || ledger.code(one), nonce: newNonce() } : null,
    });
  }

  /** Lets in those of this verdict's `refused`, by a supervisor's word. Rejects when that can be told neither by the server nor by the list. */
  async function overrule({ one, reason: why, party, code, nonce }, reason) {
    try {
      const document = await api.post(`/api/bookings/${encodeURIComponent(one.booking)}/override`, { temple_id: temple.slug, nonce, ticket: one.ticket, gate: name(), reason }, { within: ANSWER_MS });
      ledger.note(document.id, document.status, null);
      verdict({ good: true, title: t("Come in"), detail: t("by a supervisor: {reason}", { reason }), what: document.booking_code ?? "" });
      refresh();
    } catch (error) {
      if (!error.isAway) throw error;
      // They may have come in since they were refused: nobody comes in twice by a word.
      const known = ledger.find(one.booking);
      if (!known) throw error;
      if (!mayOverrule(why, known.status)) {
        say(one, { reason: refusalOf(known.status), status: known.status, party, code, byList: true });
        return;
      }
      await keep({ ...one, nonce, override_reason: reason }, party ?? known.party);
      verdict({ good: true, title: t("Come in"), detail: `${t("by a supervisor: {reason}", { reason })} · ${t("judged by the list")}`, what: code ?? "" });
    }
  }

  /** Uploads what was scanned offline, then asks for the count, and now and then for the list. One at a time. */
  function refresh() {
    refreshing ??= refreshOnce().finally(() => {
      refreshing = null;
    });
    return refreshing;
  }

  async function refreshOnce() {
    try {
      await upload();
      const counted = await api.get(`/api/bookings/temple/${temple.slug}/inside`, { within: ANSWER_MS });
      if (left) return;
      tell({ inside: counted, since: 0 });
      if (Date.now() - listAt > LIST_MS || ledger.date !== counted.date) await takeList(counted.date);
      tell({ online: true });
    } catch (error) {
      if (error.isAway) tell({ online: false });
      else if (!left) toast({ severity: "warning", title: t("The gate is not up to date"), text: explained(error) });
    }
  }

  async function takeList(date) {
    const [documents, { keys }] = await Promise.all([
      api.all(`/api/bookings/temple/${temple.slug}/day?date=${date}&limit=500`, MOST_BOOKINGS, { within: 4 * ANSWER_MS }),
      api.get("/api/bookings/ticket-keys", { within: ANSWER_MS }),
    ]);
    if (left) return;
    listAt = Date.now();
    if (!(await ledger.take(date, documents, keys, serverNow()))) {
      toast({ severity: "warning", title: t("The list is too long to keep"), text: t("It works offline until this page is closed.") });
    }
  }

  async function upload() {
    for (let { kind, scans } = ledger.next(by); scans.length > 0 && !left; { kind, scans } = ledger.next(by)) {
      const judged = kind === "exit" ? await uploadExit(scans[0]) : await uploadScans(scans);
      for (const { scan: one, reason, detail } of judged) {
        if (reason) record(false, `${ledger.code(one)} · ${t("refused on upload")}: ${[REFUSALS[reason] ? t(REFUSALS[reason]) : reason, detail].filter(Boolean).join(" · ")}`);
      }
      await ledger.done(new Set(judged.map(({ scan: one }) => one.nonce)));
      tell();
    }
  }

  async function uploadScans(scans) {
    const body = {
      temple_id: temple.slug, gate: name(),
      scans: scans.map(({ nonce, booking, ticket, scanned_at, override_reason }) => ({ nonce, booking, ticket, scanned_at, ...(override_reason ? { override_reason } : {}) })),
    };
    const { results } = await api.post("/api/bookings/checkin/batch", body, { within: 4 * ANSWER_MS });
    return results.map(({ outcome, reason, detail }, index) => ({ scan: scans[index], reason: outcome === "refused" ? reason : null, detail }));
  }

  async function uploadExit(one) {
    try {
      await leaves(one);
      return [{ scan: one, reason: null }];
    } catch (error) {
      if (error.isAway || error.status === 401) throw error;
      return [{ scan: one, reason: error.reason ?? "unknown_booking" }];
    }
  }

  const wake = () => ledger && refresh();
  return {
    async start() {
      ledger = await openLedger(temple.slug);
      open();
      if (left) return;
      tell();
      off = hub.on(["open"], wake);
      addEventListener("online", wake);
      timer = setInterval(wake, REFRESH_MS);
      refresh();
    },

    scan(raw) {
      turn = turn.then(() => scan(raw)).catch(reportError);
    },

    overrule,

    /** Takes over the scans that somebody else has left here. */
    async adopt() {
      await ledger.adopt(by);
      tell();
      await refresh();
    },

    setExits: (exits) => tell({ exits }),

    stop() {
      left = true;
      off();
      removeEventListener("online", wake);
      clearInterval(timer);
    },
  };
}
