// The console put together: who is signed in, what is loaded, what the feed changes, which view shows it.

import { createApi } from "./api.js";
import { announce } from "./dom.js";
import { createEmergencies } from "./emergencies.js";
import { createFeed } from "./feed.js";
import { words } from "./format.js";
import { device, healthAt, isOperator, takeAlert, time } from "./model.js";
import { createHub } from "./pages.js";
import { createStore } from "./store.js";
import { alertsView } from "./views/alerts.js";
import { devicesView } from "./views/devices.js";
import { consoleShell } from "./views/header.js";
import { loginView } from "./views/login.js";
import { planView } from "./views/plan.js";
import { sosNotice } from "./views/sosnotice.js";
import { summaryView } from "./views/summary.js";
import { createToasts } from "./views/toasts.js";

const SITE_KEY = "gatehouse.site";
const REFRESH_MS = 30_000;
// A spot that is not on the plan has everything loaded anew, but not for each of its events.
const UNKNOWN_SPOT_MS = 10_000;
// What is shown is loaded once the feed is open. Where it does not open by then, the console still shows how things stand.
const FEED_LATE_MS = 1500;

const root = document.getElementById("app");
const toasts = createToasts(document.getElementById("toasts"));
const api = createApi({ onSignedOut: () => leave("Your session has ended. Sign in again.") });
const feed = createFeed({
  takeTicket: () => api.post("/api/events/ticket"),
  onEvent,
  onOpen() {
    load();
    hub.emit("open");
  },
  onState: (connection) => store?.set({ connection }),
});

const hub = createHub();

let store = null;
let shell = null;
// For operators: the emergencies, and the strip that tells of them on every page.
let emergencies = null;
let notice = null;
// The load that is under way, whether another must follow it, and the events that arrive meanwhile.
let loading = null;
let loadAgain = false;
let arrived = [];
let timers = [];
let unknownSpotAt = 0;

function emptyState(user) {
  return {
    user,
    operator: isOperator(user),
    connection: "connecting",
    loaded: false,
    sites: [],
    site: null,
    zones: [],
    spots: new Map(),
    devices: new Map(),
    alerts: new Map(),
    // The server's clock minus ours: ages are the server's to tell.
    skew: 0,
    tick: 0,
  };
}

const serverNow = () => Date.now() + (store?.state.skew ?? 0);

/** Shows the console to whoever the session belongs to. */
async function enter() {
  const user = await api.get("/api/users/me");
  store = createStore(emptyState(user));
  emergencies = store.state.operator ? createEmergencies({ api, hub }) : null;
  const context = { store, api, toasts, serverNow, chooseSite, signOut, hub, emergencies };
  shell = consoleShell(context, {
    summary: summaryView(context),
    plan: planView(context),
    alerts: store.state.operator ? alertsView(context) : null,
    devices: store.state.operator ? devicesView(context) : null,
  });
  notice = emergencies && sosNotice(context);
  root.replaceChildren(shell.element, ...(notice ? [notice.element] : []));
  timers = [
    setInterval(tick, 1000),
    setInterval(() => refresh().catch(() => {}), REFRESH_MS),
    setTimeout(() => {
      if (store.state.loaded) return;
      load();
      emergencies?.load();
    }, FEED_LATE_MS),
  ];
  feed.start();
}

/** Back to the sign-in page. */
function leave(message) {
  feed.stop();
  timers.forEach(clearInterval);
  timers = [];
  shell?.leave();
  shell = null;
  notice?.leave();
  notice = null;
  emergencies?.leave();
  emergencies = null;
  store = null;
  arrived = [];
  toasts.clear();
  document.title = "Gatehouse";
  root.replaceChildren(loginView({ onSignIn: signIn, message }));
}

async function signIn(email, password) {
  await api.signIn(email, password);
  await enter();
}

async function signOut() {
  leave("You are signed out.");
  await api.signOut();
}

/** Loads everything anew; one load at a time, and one more when it was asked for meanwhile. */
function load() {
  if (loading) {
    loadAgain = true;
    return;
  }
  loading = loadOnce(store)
    .catch((error) => {
      if (store && !store.state.loaded && error.status !== 401) toasts.show({ severity: "warning", title: "Not loaded yet", text: error.message });
    })
    .finally(() => {
      loading = null;
      arrived = [];
      if (loadAgain && store) {
        loadAgain = false;
        load();
      }
    });
}

async function loadOnce(mine) {
  arrived = [];
  const { operator } = mine.state;
  const [overview, sites, spots, devices, ...alerts] = await Promise.all([
    api.get("/api/dashboard/overview/"),
    api.all("/api/sites?limit=500"),
    api.all("/api/spots?limit=500"),
    operator ? api.all("/api/devices/?limit=500&is_active=true") : [],
    ...(operator
      ? [
          api.get("/api/alerts/?limit=100").then((page) => page.items),
          api.all("/api/alerts/?status=active&limit=500", 500),
          api.all("/api/alerts/?status=acknowledged&limit=500", 500),
        ]
      : []),
  ]);
  if (mine !== store) return;
  const known = new Map();
  for (const document of alerts.flat()) takeAlert(known, document);
  // Alerts that were told of meanwhile have been shown: they are not new a second time.
  for (const [kind, { id }] of arrived) {
    if (kind === "alert" && mine.state.alerts.has(id)) takeAlert(known, mine.state.alerts.get(id));
  }
  const skew = clockSkew(overview.as_of);
  mine.set({
    skew,
    sites,
    site: mine.state.loaded ? mine.state.site : firstSite(sites, spots),
    zones: overview.by_zone ?? [],
    spots: new Map(spots.map((spot) => [spot.spot_id, spot])),
    devices: new Map(devices.map((document) => [document.device_code, device(document, Date.now() + skew)])),
    alerts: known,
    loaded: true,
  });
  // What happened while the answers travelled may or may not be in them; it is in order, so its last word is right.
  const events = arrived;
  arrived = [];
  for (const [kind, data] of events) apply(kind, data);
}

/** Devices report more often than their health turns: their last heartbeats are asked for now and then. */
async function refresh() {
  const mine = store;
  if (!mine?.state.loaded || !mine.state.operator || loading) return;
  const [overview, devices] = await Promise.all([
    api.get("/api/dashboard/overview/"),
    api.all("/api/devices/?limit=500&is_active=true"),
  ]);
  if (mine !== store) return;
  const skew = clockSkew(overview.as_of);
  mine.set({ skew, devices: new Map(devices.map((document) => [document.device_code, device(document, Date.now() + skew)])) });
}

function clockSkew(asOf) {
  const server = time(asOf);
  const skew = server === null ? 0 : server - Date.now();
  return Math.abs(skew) < 1500 ? 0 : skew;
}

function onEvent(kind, data) {
  if (!store) return;
  if (kind === "reset") {
    load();
    hub.emit("open");
  } else {
    hub.emit(kind, data);
    if (loading) arrived.push([kind, data]);
    if (store.state.loaded) apply(kind, data);
  }
}

function apply(kind, data) {
  const { state } = store;
  if (kind === "spot") {
    const spot = state.spots.get(data.spot_id);
    if (!spot) {
      if (Date.now() - unknownSpotAt > UNKNOWN_SPOT_MS) load();
      unknownSpotAt = Date.now();
    } else if (spot.status !== data.status || spot.kind !== data.kind) {
      Object.assign(spot, { status: data.status, kind: data.kind });
      store.touch("spots", spot.spot_id);
    }
  } else if (kind === "device") {
    const known = state.devices.get(data.device_code);
    if (!known) return;
    known.health = data.health;
    if (data.health === "healthy") known.seen = serverNow();
    known.shown = healthAt(known, serverNow());
    store.touch("devices", known.device_code);
  } else if (kind === "alert" && state.operator) {
    applyAlert(data);
  } else if (kind === "alert_deleted" && state.alerts.delete(data.id)) {
    store.touch("alerts", data.id);
  }
}

function applyAlert(document) {
  const { alerts } = store.state;
  const isNew = !alerts.has(document.id);
  if (!takeAlert(alerts, document)) return;
  store.touch("alerts", document.id);
  if (!isNew || document.status !== "active") return;
  if (document.severity === "critical") {
    toasts.show({ severity: "critical", title: words(document.alert_type), text: document.message, focus: `alert-${document.id}` });
  } else {
    announce(`${words(document.severity)}: ${document.message}`);
  }
}

function tick() {
  const now = serverNow();
  for (const known of store.state.devices.values()) {
    const shown = healthAt(known, now);
    if (shown !== known.shown) {
      known.shown = shown;
      store.touch("devices", known.device_code);
    }
  }
  store.set({ tick: now });
}

function firstSite(sites, spots) {
  const kept = localStorage.getItem(SITE_KEY);
  if (kept === "") return null;
  if (sites.some((site) => site.slug === kept)) return kept;
  const withSpots = new Set(spots.map((spot) => spot.site));
  return sites.find((site) => withSpots.has(site.slug))?.slug ?? null;
}

function chooseSite(slug) {
  localStorage.setItem(SITE_KEY, slug ?? "");
  store.set({ site: slug });
}

if (api.canResume()) {
  enter().catch((error) => leave(error.status === 401 ? undefined : error.message));
} else {
  leave();
}
