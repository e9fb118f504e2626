// The event feed: Server-Sent Events by a ticket, taken anew for each connection, resumed after the last event that was seen. Read by hand: the
// browser's own EventSource hides the comments by which the server says that it is there, and waits for ever on a line that is dead.

const CHANNELS = "alerts,emergency,crowd,transport,parking";
const KINDS = ["spot", "device", "alert", "alert_deleted", "lot", "crowd", "shuttle", "emergency", "reset"];
const SLOWEST_MS = 15_000;
// The server ends each stream now and then; a gap shorter than this is not worth a word.
const UNNOTICED_MS = 1500;
// A comment comes every 15 s where nothing else does: a line that is silent for longer than this leads nowhere.
const SILENT_MS = 40_000;

/** Takes a stream apart, however it was cut: `take(text)` calls `onBlock({ event, data, id })` for each block that is whole. */
export function createReader(onBlock) {
  let rest = "";
  let block = { event: "message", data: [], id: null };
  const line = (text) => {
    if (text === "") {
      onBlock({ ...block, data: block.data.join("\n") });
      block = { event: "message", data: [], id: null };
      return;
    }
    const [, name, value] = /^([^:]*):? ?(.*)$/s.exec(text);
    if (name === "data") block.data.push(value);
    else if (name === "event" || name === "id") block[name] = value;
  };
  return {
    take(text) {
      const lines = (rest + text).split(/\r\n|\n|\r(?!$)/);
      rest = lines.pop();
      lines.forEach(line);
    },
  };
}

/**
 * A feed that keeps itself connected. `takeTicket()` gives a ticket; `onEvent(kind, data)` gets each event; `onOpen()` is called each
 * time that a connection begins; `onState` is told `connecting`, `live` or `reconnecting`.
 */
export function createFeed({ takeTicket, onEvent, onOpen, onState }) {
  let source = null;
  let lastId = "";
  let failures = 0;
  let attempt = 0;
  let retryTimer = 0;
  let noticeTimer = 0;
  let running = false;

  async function connect() {
    attempt += 1;
    const mine = attempt;
    clearTimeout(retryTimer);
    source?.abort();
    source = null;
    let ticket;
    try {
      ({ ticket } = await takeTicket());
    } catch {
      if (running && mine === attempt) retry();
      return;
    }
    if (!running || mine !== attempt) return;
    const query = new URLSearchParams({ channels: CHANNELS, ticket });
    if (lastId) query.set("last_event_id", lastId);
    source = new AbortController();
    follow(`/api/events?${query}`, source);
  }

  async function follow(address, own) {
    let silence = 0;
    const heard = () => {
      clearTimeout(silence);
      silence = setTimeout(() => own.abort(), SILENT_MS);
    };
    try {
      heard();
      const answer = await fetch(address, { headers: { accept: "text/event-stream" }, cache: "no-store", credentials: "omit", signal: own.signal });
      if (source === own && answer.ok && answer.body) {
        opened();
        const parts = answer.body.pipeThrough(new TextDecoderStream()).getReader();
        const reader = createReader((block) => source === own && take(block));
        for (let part = await parts.read(); !part.done; part = await parts.read()) {
          heard();
          reader.take(part.value);
        }
      }
    } catch {
      // Cut off, or silent for too long: another is opened.
    }
    clearTimeout(silence);
    if (source !== own) return;
    source = null;
    retry();
  }

  function opened() {
    failures = 0;
    clearTimeout(noticeTimer);
    noticeTimer = 0;
    onState("live");
    onOpen();
  }

  function take({ event, data, id }) {
    if (id) lastId = id;
    if (!KINDS.includes(event)) return;
    let document = null;
    try {
      document = JSON.parse(data);
    } catch {
      if (event !== "reset") return;
    }
    onEvent(event, document);
  }

  function retry() {
    failures += 1;
    noticeTimer ||= setTimeout(() => onState("reconnecting"), UNNOTICED_MS);
    // Spread out, so that a room full of screens does not come back as one.
    const delay = Math.min(SLOWEST_MS, 250 * 2 ** failures) * (0.5 + Math.random() / 2);
    clearTimeout(retryTimer);
    retryTimer = setTimeout(connect, delay);
  }

  const now = () => running && !source && connect();

  return {
    start() {
      if (running) return;
      running = true;
      failures = 0;
      onState("connecting");
      addEventListener("online", now);
      connect();
    },

    stop() {
      running = false;
      attempt += 1;
      lastId = "";
      clearTimeout(retryTimer);
      clearTimeout(noticeTimer);
      noticeTimer = 0;
      removeEventListener("online", now);
      source?.abort();
      source = null;
    },
  };
}
