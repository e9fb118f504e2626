// The live state: what is loaded at the start, what the feed changes, how fresh each part of it is.

import { createFeed } from "../lib/feed.js";
import { isOperator, takeAlert, takeNewer } from "../lib/model.js";
import { LATE_MS, backoff, setEvents } from "../lib/resource.js";
import { time } from "../lib/time.js";
import { computed, signal, useEffect, useState } from "../lib/ui.js";
import { createHub } from "./hub.js";
import { createStore } from "./store.js";

// A spot that is not on the plan has everything loaded anew, but not for each of its events.
const UNKNOWN_SPOT_MS = 10_000;
// What is shown is loaded once the feed is open. Where it does not open by then, the console still shows how things stand.
const FEED_LATE_MS = 1500;
// Who is not signed in has no feed: what is public is asked for now and then.
const PUBLIC_MS = 30_000;
const SKEW_KEY = "gatehouse.skew";

const SITES_KEY = "gatehouse.sites";

/** What the sites were called here last, and where and on which clock they are: what is kept on this machine says it without a network. */
function keptSites() {
  try {
    const kept = JSON.parse(localStorage.getItem(SITES_KEY));
    return Array.isArray(kept) ? kept : [];
  } catch {
    return [];
  }
}

function keepSites(sites) {
  const kept = sites.map(({ slug, name, kind, time_zone, latitude, longitude }) => ({ slug, name, kind, time_zone, latitude, longitude }));
  try {
    localStorage.setItem(SITES_KEY, JSON.stringify(kept));
  } catch {
    // A full store is no reason to show nothing.
  }
}

/** The skew that was seen last on this machine: a gate that is opened without a network judges by it. */
const keptSkew = () => Number(localStorage.getItem(SKEW_KEY)) || 0;

const empty = () => ({
  user: null, operator: false, connection: "off", site: null, sites: keptSites(), sitesLoaded: false, zones: [], spots: new Map(), devices: new Map(), deviceTurns: 0, alerts: new Map(),
  emergencies: new Map(), broadcasts: new Map(),
  // The server's clock minus ours: ages are the server's to tell.
  skew: keptSkew(), tick: Date.now(),
});

export const hub = createHub();
export const store = createStore(empty());

/** `off`, `connecting`, `live` or `reconnecting`. */
export const connection = signal("off");
/** When the feed was last known to be complete. */
export const liveAt = signal(null);

const lostAt = signal(null);
setEvents(hub, computed(() => (connection.value === "reconnecting" ? { lostAt: lostAt.value, at: liveAt.value } : null)));

/** How fresh each topic is: `{ status, at, error }`. */
const topics = Object.fromEntries(["sites", "spots", "devices", "alerts", "emergencies", "broadcasts"]
  .map((name) => [name, signal({ status: "loading", at: null, error: null })]));

/** The freshness of topics together, the worst of them; stale while the feed is away. */
export function freshnessOf(...names) {
  return computed(() => {
    const all = names.map((name) => topics[name].value);
    const at = Math.min(...all.map((one) => one.at ?? Infinity));
    const status = ["failed", "loading", "stale"].find((state) => all.some((one) => one.status === state)) ?? "fresh";
    const error = all.find((one) => one.error)?.error ?? null;
    if (status === "fresh" && connection.value === "reconnecting") return { status: "stale", at: liveAt.value ?? at, error: null };
    return { status, at: Number.isFinite(at) ? at : null, error };
  });
}

export const serverNow = () => Date.now() + store.state.skew;

/** The state, and drawn again when one of these parts of it changes. */
export function useStore(...keys) {
  const [, draw] = useState(0);
  useEffect(() => store.subscribe(keys, () => draw((count) => count + 1)), keys);
  return store.state;
}

/** The server's time, each second. */
export const useNow = () => {
  useStore("tick");
  return serverNow();
};

let api = null;
/** @type {(kind: string, document: any) => void} */
let heard = () => {};
let generation = 0;
let timers = [];
let arrived = [];
let loading = 0;
let unknownSpotAt = 0;

const loads = {
  sites: {
    run: () => api.all("/api/sites?limit=500"),
    put(sites) {
      keepSites(sites);
      store.set({ sites, sitesLoaded: true });
    },
  },
  spots: {
    run: async () => {
      const [overview, spots] = await Promise.all([store.state.user ? api.get("/api/dashboard/overview/") : null, api.all("/api/spots?limit=500")]);
      return { overview, spots };
    },
    put({ overview, spots }) {
      const server = time(overview?.as_of);
      const seen = server === null ? 0 : server - Date.now();
      const skew = Math.abs(seen) < 1500 ? 0 : seen;
      if (server !== null) localStorage.setItem(SKEW_KEY, String(skew));
      store.set({
        skew,
        zones: overview?.by_zone ?? [],
        spots: new Map(spots.map((spot) => [spot.spot_id, spot])),
      });
    },
  },
  devices: {
    operator: true,
    run: () => api.all("/api/devices/?limit=500&is_active=true"),
    put: (devices) => store.set({ deviceTurns: store.state.deviceTurns + 1, devices: new Map(devices.map((one) => [one.device_code, keepDevice(one)])) }),
  },
  alerts: {
    operator: true,
    run: async () => (await Promise.all(["active", "acknowledged"].map((status) => api.all(`/api/alerts/?status=${status}&limit=500`, 1000)))).flat(),
    put(documents) {
      const known = new Map();
      for (const one of documents) takeAlert(known, one);
      // Alerts that were told of meanwhile have been shown: they are not new a second time.
      for (const [kind, data] of arrived) if (kind === "alert" && store.state.alerts.has(data.id)) takeAlert(known, store.state.alerts.get(data.id));
      store.set({ alerts: known });
    },
  },
  emergencies: {
    operator: true,
    run: () => api.all("/api/emergency/active?limit=500", 2000),
    put(documents) {
      const known = new Map(documents.map((one) => [one.id, one]));
      for (const [kind, data] of arrived) if (kind === "emergency" && store.state.emergencies.has(data.id)) takeNewer(known, store.state.emergencies.get(data.id));
      store.set({ emergencies: known });
    },
  },
  broadcasts: {
    run: () => api.all("/api/alerts/active?is_public=true&limit=200", 200),
    put: (documents) => store.set({ broadcasts: new Map(documents.map((one) => [one.id, one])) }),
  },
};

function keepDevice(document) {
  const seen = time(document.last_seen_at);
  return { ...document, seen, shown: seen === null ? "unknown" : document.health };
}

/** Loads one topic anew, again and again until it is there. */
async function load(name, failures = 0) {
  const mine = generation;
  const topic = topics[name];
  const { run, put } = loads[name];
  loading += 1;
  const late = setTimeout(() => {
    if (mine === generation && topic.value.at !== null) topic.value = { ...topic.value, status: "stale" };
  }, LATE_MS);
  try {
    const data = await run();
    if (mine !== generation) return;
    put(data);
    topic.value = { status: "fresh", at: Date.now(), error: null };
    // What happened while the answer travelled may or may not be in it; it is in order, so its last word is right.
    for (const [kind, data_] of arrived) apply(kind, data_);
  } catch (error) {
    if (mine !== generation) return;
    topic.value = { ...topic.value, status: topic.value.at === null ? "failed" : "stale", error };
    if (error.isAway || error.status === 401) timers.push(setTimeout(() => mine === generation && load(name, failures + 1), Math.max(backoff(failures), (error.retryAfter || 0) * 1000)));
  } finally {
    clearTimeout(late);
    if (mine === generation) {
      loading -= 1;
      if (loading === 0) arrived = [];
    }
  }
}

/** Loads everything anew, or these topics. */
export function reload(...names) {
  for (const name of names.length ? names : Object.keys(loads)) {
    if (!loads[name].operator || store.state.operator) load(name);
    else topics[name].value = { status: "fresh", at: Date.now(), error: null };
  }
}

/** Takes in what an answer has just told of an alert, an emergency or a broadcast, so that it shows before the feed says it. */
export function take(kind, document) {
  apply(kind, document, true);
}

function apply(kind, data, isOwn = false) {
  const { state } = store;
  if (!data) return;
  if (kind === "spot") {
    const spot = state.spots.get(data.spot_id);
    if (!spot) {
      if (state.spots.size && Date.now() - unknownSpotAt > UNKNOWN_SPOT_MS) reload("spots");
      unknownSpotAt = Date.now();
    } else if (spot.status !== data.status || spot.kind !== data.kind) {
      state.spots.set(spot.spot_id, { ...spot, status: data.status, kind: data.kind });
      store.touch("spots", spot.spot_id);
    }
  } else if (kind === "device") {
    const known = state.devices.get(data.device_code);
    if (!known) return;
    const seen = data.health === "healthy" ? serverNow() : known.seen;
    state.devices.set(known.device_code, { ...known, health: data.health, seen, shown: seen === null ? "unknown" : data.health });
    state.deviceTurns += 1;
    store.touch("devices", known.device_code);
  } else if (kind === "alert") {
    applyAlert(data, isOwn);
  } else if (kind === "alert_deleted") {
    if (state.alerts.delete(data.id)) store.touch("alerts", data.id);
    if (state.broadcasts.delete(data.id)) store.touch("broadcasts", data.id);
  } else if (kind === "emergency" && state.operator && data.reported_at) {
    const isNew = !state.emergencies.has(data.id);
    if (!takeNewer(state.emergencies, data)) return;
    store.touch("emergencies", data.id);
    if (isNew && !isOwn && data.status === "reported") heard("emergency", data);
  }
}

function applyAlert(document, isOwn) {
  const { state } = store;
  // Visitors hear only what is public; of operators' fuller documents it is said.
  if (document.is_public ?? true) {
    const before = state.broadcasts.get(document.id);
    if (!before || !((time(before.updated_at) ?? 0) > (time(document.updated_at) ?? 0))) {
      state.broadcasts.set(document.id, { ...before, ...document });
      store.touch("broadcasts", document.id);
    }
  } else if (state.broadcasts.delete(document.id)) {
    store.touch("broadcasts", document.id);
  }
  if (!state.operator) return;
  const isNew = !state.alerts.has(document.id);
  if (!takeAlert(state.alerts, document)) return;
  store.touch("alerts", document.id);
  if (isNew && !isOwn && document.status === "active") heard("alert", document);
}

function onEvent(kind, data) {
  if (kind === "reset") {
    reload();
    hub.emit("open");
    return;
  }
  liveAt.value = Date.now();
  if (loading) arrived.push([kind, data]);
  apply(kind, data);
  hub.emit(kind, data);
}

const feed = createFeed({
  takeTicket: () => api.post("/api/events/ticket"),
  onEvent,
  onOpen() {
    reload();
    hub.emit("open");
  },
  onState(state) {
    if (state === "live") liveAt.value = Date.now();
    if (state === "reconnecting" && connection.value !== state) lostAt.value = Date.now();
    connection.value = state;
    store.set({ connection: state });
  },
});

/** Begins to follow what happens, as this user; `onHeard(kind, document)` is told of each new alert and emergency. */
export function startLive(options) {
  stopLive();
  ({ api } = options);
  heard = options.onHeard;
  const { user } = options;
  store.set({ ...empty(), site: store.state.site, user, operator: isOperator(user) });
  timers = [setInterval(() => store.set({ tick: serverNow() }), 1000)];
  if (user) {
    feed.start();
    timers.push(setTimeout(() => connection.value !== "live" && reload(), FEED_LATE_MS));
  } else {
    const publicTopics = () => reload("sites", "spots", "broadcasts");
    publicTopics();
    timers.push(setInterval(publicTopics, PUBLIC_MS));
  }
}

/** Ends it, and forgets what was known. */
export function stopLive() {
  generation += 1;
  loading = 0;
  arrived = [];
  feed.stop();
  timers.forEach(clearInterval);
  timers = [];
  connection.value = "off";
  for (const topic of Object.values(topics)) topic.value = { status: "loading", at: null, error: null };
  store.set({ ...empty(), site: store.state.site });
}
