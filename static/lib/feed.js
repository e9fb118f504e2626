// The event feed: Server-Sent Events by a ticket, taken anew for each connection, resumed after the last event that was seen.

const CHANNELS = "alerts,emergency,crowd,transport,parking";
const KINDS = ["spot", "device", "alert", "alert_deleted", "lot", "crowd", "shuttle", "emergency", "reset"];
const SLOWEST_MS = 15_000;
// The server ends each stream now and then; a gap shorter than this is not worth a word.
const UNNOTICED_MS = 1500;

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
    source?.close();
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
    const opened = new EventSource(`/api/events?${query}`);
    source = opened;
    opened.onopen = () => {
      if (source !== opened) return;
      failures = 0;
      clearTimeout(noticeTimer);
      noticeTimer = 0;
      onState("live");
      onOpen();
    };
    // Its own reconnection would send the same ticket again, which is spent.
    opened.onerror = () => {
      if (source !== opened) return;
      opened.close();
      source = null;
      retry();
    };
    for (const kind of KINDS) {
      opened.addEventListener(kind, (event) => {
        if (source !== opened) return;
        if (event.lastEventId) lastId = event.lastEventId;
        let data = null;
        try {
          data = JSON.parse(event.data);
        } catch {
          if (kind !== "reset") return;
        }
        onEvent(kind, data);
      });
    }
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
      source?.close();
      source = null;
    },
  };
}
