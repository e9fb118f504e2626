// The gate: lets pilgrims in and out, by the server where it is in reach, by the day's list where it is not.

import { attribute, h, icon, text } from "../dom.js";
import { REASONS, createLedger, isGenuine, judge, newNonce, parseCode, readTicket } from "../gate.js";
import { temples } from "../model.js";
import { canScan, createScanner } from "./scanner.js";

const NAME_KEY = "gatehouse.gate.name";
const ANSWER_MS = 6000;
const REFRESH_MS = 10_000;
const LIST_MS = 120_000;
const KEPT_SCANS = 30;
const MOST_BOOKINGS = 100_000;

/** Whether the server gave no answer, so that the gate must judge by itself. */
const isAway = (error) => error.status === 0 || error.status >= 500 || error.status === 429;

const clock = (ms) => new Date(ms).toLocaleTimeString(undefined, { hour: "2-digit", minute: "2-digit" });

/** The page of one temple's gate. */
export function gatePage({ store, api, toasts, serverNow, temple, chooseSite, hub }) {
  if (!temple) return { element: h("div", { class: "page" }, h("p", { class: "panel empty" }, "There is no temple yet.")) };
  const ledger = createLedger(localStorage, temple.slug);
  let online = true;
  let left = false;
  let exits = false;
  let inside = null;
  let since = 0;
  let listAt = 0;
  let refreshing = null;
  let turn = Promise.resolve();
  let timer = 0;

  const view = gateView({
    temple,
    temples: temples(store.state),
    now: serverNow,
    onTemple: chooseSite,
    onExits(value) {
      exits = value;
    },
    onScan: (raw) => {
      turn = turn.then(() => scan(raw)).catch(reportError);
    },
  });

  async function scan(raw) {
    const ticket = readTicket(raw);
    const code = ticket ? null : parseCode(raw);
    if (!ticket && !code) {
      view.verdict({ good: false, title: "Not readable", detail: "That is neither a ticket nor a booking code.", what: raw.trim().slice(0, 40) });
      return;
    }
    const one = { kind: exits ? "exit" : "checkin", nonce: newNonce(), booking: ticket?.booking ?? code, ticket: ticket ? raw.trim() : undefined };
    try {
      const document = one.kind === "exit" ? await leaves(one) : await comes(one);
      reached(true);
      ledger.note(document.id, document.status, ticket);
      say(one, null, document.party_size, document.booking_code, false);
      refresh();
    } catch (error) {
      if (isAway(error)) {
        reached(false);
        await scanOffline(one, ticket, code);
      } else {
        reached(true);
        say(one, error.status === 404 ? "unknown_booking" : error.reason ?? "invalid", null, code, false, error.message);
      }
    }
  }

  const comes = ({ nonce, booking, ticket }) =>
    api.post(`/api/bookings/${booking}/checkin`, { temple_id: temple.slug, nonce, ticket, gate: view.gateName() }, { within: ANSWER_MS });
  const leaves = ({ nonce, booking }) => api.post(`/api/bookings/${booking}/exit`, { nonce }, { within: ANSWER_MS });

  async function scanOffline(one, ticket, code) {
    if (ledger.takenAt === null) {
      view.verdict({ good: false, title: "Cannot be judged", detail: "There is no network, and this gate has no list of the day yet.", what: code ?? "" });
      return;
    }
    const genuine = ticket ? await isGenuine(ticket, ledger.keys) : undefined;
    const gate = { site: temple.slug, timeZone: temple.time_zone, list: ledger.list };
    let { reason, known } = judge({ ticket, code, genuine }, gate, serverNow());
    if (one.kind === "exit" && known) reason = known.status === "checked_in" ? null : known.status === "exited" ? "exited" : "not_inside";
    const party = known?.party ?? ticket?.party ?? 0;
    if (reason === null) {
      one.scanned_at = new Date(serverNow()).toISOString();
      if (!ledger.push(one)) toasts.show({ severity: "warning", title: "Not kept", text: "This device is out of room: do not close this page before the scans are uploaded." });
      since += one.kind === "exit" ? -party : party;
    }
    const slot = known?.slot ? `Slot ${known.slot}, ${known.date}` : undefined;
    say(one, reason, party, known?.code || code, true, slot);
    status();
  }

  function say(one, reason, party, code, byList, message) {
    const good = reason === null;
    const title = good ? (one.kind === "exit" ? "Goodbye" : "Come in") : REASONS[reason] ?? message ?? "Refused";
    const people = party ? `Party of ${party}` : "";
    const how = byList ? "judged by the list" : "";
    view.verdict({ good, title, detail: [good ? people : message, how].filter(Boolean).join(" · "), what: code ?? "" });
    attribute(view.element, "data-verdict", reason ?? "in");
  }

  function reached(value) {
    online = value;
    status();
  }

  function status() {
    view.status({ online, takenAt: ledger.takenAt, bookings: ledger.list.size, waiting: ledger.queue.length });
    view.inside(inside, since);
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
      inside = counted;
      since = 0;
      if (Date.now() - listAt > LIST_MS || ledger.date !== counted.date) await takeList(counted.date);
      reached(true);
    } catch (error) {
      if (isAway(error)) reached(false);
      else if (!left) toasts.show({ severity: "warning", title: "The gate is not up to date", text: error.message });
    }
  }

  async function takeList(date) {
    const [documents, { keys }] = await Promise.all([
      api.all(`/api/bookings/temple/${temple.slug}/day?date=${date}&limit=500`, MOST_BOOKINGS, { within: 4 * ANSWER_MS }),
      api.get("/api/bookings/ticket-keys", { within: ANSWER_MS }),
    ]);
    listAt = Date.now();
    if (!ledger.take(date, documents, keys, serverNow())) {
      toasts.show({ severity: "warning", title: "The list is too long to keep", text: "It works offline until this page is closed." });
    }
  }

  async function upload() {
    while (ledger.queue.length > 0 && !left) {
      const { kind, scans } = ledger.next();
      const judged = kind === "exit" ? await uploadExit(scans[0]) : await uploadScans(scans);
      for (const { scan, reason, detail } of judged) {
        if (reason) view.late({ what: scan.booking, reason: [REASONS[reason] ?? reason, detail].filter(Boolean).join(" · ") });
      }
      ledger.done(new Set(judged.map(({ scan }) => scan.nonce)));
      status();
    }
  }

  async function uploadScans(scans) {
    const body = {
      temple_id: temple.slug,
      gate: view.gateName(),
      scans: scans.map(({ nonce, booking, ticket, scanned_at }) => ({ nonce, booking, ticket, scanned_at })),
    };
    const { results } = await api.post("/api/bookings/checkin/batch", body, { within: 4 * ANSWER_MS });
    return results.map(({ outcome, reason, detail }, index) => ({ scan: scans[index], reason: outcome === "refused" ? reason : null, detail }));
  }

  async function uploadExit(scan) {
    try {
      await leaves(scan);
      return [{ scan, reason: null }];
    } catch (error) {
      if (isAway(error) || error.status === 401) throw error;
      return [{ scan, reason: error.reason ?? "unknown_booking" }];
    }
  }

  const wake = () => refresh();
  const unhook = hub.on(["open"], wake);
  addEventListener("online", wake);
  timer = setInterval(wake, REFRESH_MS);
  status();
  refresh();
  return {
    element: view.element,
    leave() {
      left = true;
      unhook();
      removeEventListener("online", wake);
      clearInterval(timer);
      view.leave();
    },
  };
}

/** What is seen of it. */
function gateView({ temple, temples, now, onTemple, onExits, onScan }) {
  const picker = h("select", { id: "gate-temple", on: { change: () => onTemple(picker.value) } },
    temples.map((one) => h("option", { value: one.slug, selected: one.slug === temple.slug }, one.name)));
  const name = h("input", { id: "gate-name", maxlength: "64", placeholder: "Such as North", value: localStorage.getItem(NAME_KEY) ?? "", autocomplete: "off" });
  name.addEventListener("change", () => localStorage.setItem(NAME_KEY, name.value.trim()));

  const connection = h("p", { class: "gate-connection", role: "status" });
  const sign = h("span", { class: "verdict-sign" }, icon("gate"));
  const title = h("strong", { class: "verdict-title" }, "Ready");
  const detail = h("span", { class: "verdict-detail" }, "Scan a ticket, or type a booking code.");
  const what = h("span", { class: "verdict-what" });
  const verdict = h("div", { class: "verdict", role: "status", "aria-live": "assertive" }, sign, h("div", { class: "verdict-words" }, title, detail, what));

  const code = h("input", {
    id: "gate-code", autocomplete: "off", autocapitalize: "characters", spellcheck: "false", maxlength: "300", placeholder: "K7P2-9QXM", required: true,
  });
  const form = h("form", {
    class: "gate-form",
    on: {
      submit(event) {
        event.preventDefault();
        onScan(code.value);
        code.value = "";
        code.focus();
      },
    },
  }, h("label", { for: "gate-code" }, "Booking code"), h("div", { class: "gate-entry" }, code, h("button", { type: "submit", class: "button button-main" }, "Check")));

  const ways = [["Way in", false], ["Way out", true]].map(([label, value]) =>
    h("button", { type: "button", class: "button way", "aria-pressed": String(!value), "data-exits": String(value), on: { click: () => choose(value) } }, label));
  function choose(value) {
    for (const way of ways) attribute(way, "aria-pressed", String(way.dataset.exits === String(value)));
    onExits(value);
    code.focus();
  }

  const scanner = createScanner({ onText: onScan });
  scanner.element.hidden = true;
  const camera = h("button", { type: "button", id: "gate-camera", class: "button", "aria-pressed": "false", on: { click: toggle } }, "Read with the camera");
  const note = h("p", { class: "gate-note" }, canScan() ? "" : "This browser cannot read QR codes by itself: type the code, or use a hand scanner.");
  camera.hidden = !canScan();
  async function toggle() {
    const on = camera.getAttribute("aria-pressed") !== "true";
    text(note, "");
    scanner.stop();
    try {
      if (on) await scanner.start();
      attribute(camera, "aria-pressed", String(on));
      text(camera, on ? "Stop the camera" : "Read with the camera");
      scanner.element.hidden = !on;
    } catch {
      text(note, "The camera cannot be used: allow it in the browser, or type the code.");
    }
  }

  const count = h("span", { class: "inside-value", id: "inside" }, "–");
  const asOf = h("span", { class: "inside-as-of" });
  const facts = h("dl", { class: "inside-facts" });
  const log = h("ol", { class: "scan-log" });
  const empty = h("p", { class: "empty" }, "No scans yet.");

  const element = h("div", { class: "page gate" },
    h("section", { class: "panel gate-head" },
      h("div", { class: "field" }, h("label", { for: "gate-temple" }, "Temple"), picker),
      h("div", { class: "field" }, h("label", { for: "gate-name" }, "Gate"), name),
      connection),
    h("section", { class: "panel gate-work", "aria-label": "Scan" }, verdict, h("div", { class: "ways", role: "group", "aria-label": "Direction" }, ways), form,
      h("div", { class: "gate-scanner" }, camera, note, scanner.element)),
    h("section", { class: "panel gate-side" },
      h("h2", {}, "Inside now"), h("p", { class: "inside" }, count, asOf), facts,
      h("h2", {}, "Last scans"), log, empty));

  function record(good, words) {
    empty.hidden = true;
    log.prepend(h("li", { "data-good": String(good) }, icon(good ? "check" : "close"), h("span", {}, words), h("time", {}, clock(now()))));
    while (log.children.length > KEPT_SCANS) log.lastElementChild.remove();
  }

  return {
    element,
    gateName: () => name.value.trim() || undefined,

    verdict(one) {
      attribute(verdict, "data-good", String(one.good));
      sign.replaceChildren(icon(one.good ? "check" : "close"));
      text(title, one.title);
      text(detail, one.detail);
      text(what, one.what);
      record(one.good, [one.what, one.title, one.detail].filter(Boolean).join(" · "));
    },

    /** A scan that was let in offline and refused when it was uploaded. */
    late({ what, reason }) {
      record(false, `${what} · refused on upload: ${reason}`);
    },

    status({ online, takenAt, bookings, waiting }) {
      attribute(connection, "data-online", String(online));
      const list = takenAt === null ? "no list yet" : `list of ${bookings} ${bookings === 1 ? "booking" : "bookings"}, ${clock(takenAt)}`;
      const queued = waiting ? ` · ${waiting} to upload` : "";
      text(connection, `${online ? "Online" : "Offline"} · ${list}${queued}`);
      attribute(connection, "data-waiting", waiting);
    },

    inside(counted, since) {
      if (!counted) return;
      text(count, counted.inside + since);
      text(asOf, `people, ${clock(Date.parse(counted.as_of))}`);
      const { confirmed, exited, no_show: missed } = counted.people;
      const rows = [["Still expected today", confirmed], ["Have left", exited], ["Did not come", missed]];
      facts.replaceChildren(...rows.map(([name, value]) => h("div", {}, h("dt", {}, name), h("dd", {}, value))));
    },

    leave: () => scanner.stop(),
  };
}
