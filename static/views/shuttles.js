// The shuttles of a temple: where they are on their routes, when they come to the next stop, how full they are.

import { arrange, attribute, h, icon, text } from "../dom.js";
import { ago } from "../format.js";
import { temples, time } from "../model.js";
import { routeMap } from "./route-map.js";

const STALE_MS = 120_000;
const ETA_EVERY_MS = 15_000;
// Each has its arrivals asked for by itself.
const MOST = 40;
const BASES = { recent_speed: "at its own speed", typical_speed: "at the usual speed", timetable: "by the timetable" };

/** The page about `temple`. */
export function shuttlesPage({ store, api, serverNow, hub, temple, chooseSite, toasts }) {
  if (!temple) return { element: h("div", { class: "page" }, h("p", { class: "panel empty" }, "There is no temple yet.")) };

  const site = encodeURIComponent(temple.slug);
  const map = routeMap();
  const rows = new Map();
  const list = h("ul", { class: "shuttles" });
  const none = h("p", { class: "empty" }, "Loading…");
  const count = h("span", { class: "count" });
  const tabs = h("nav", { class: "temples", "aria-label": "Temples" });
  const mapPanel = h("section", { class: "panel map-panel", "aria-labelledby": "map-title" },
    h("header", { class: "panel-head" }, h("h2", { id: "map-title" }, `Shuttles of ${temple.name}`), tabs), map.legend, map.element);
  let shuttles = new Map();
  let routes = new Map();
  let loaded = false;
  let left = false;
  let loading = false;

  const unsubscribe = [
    store.subscribe(["sites"], (state) => {
      arrange(tabs, temples(state).map((one) =>
        h("button", { type: "button", class: "chip", "aria-pressed": String(one.slug === temple.slug), "data-temple": one.slug, on: { click: () => chooseSite(one.slug) } }, one.name)));
      tabs.hidden = tabs.childElementCount < 2;
    }),
    store.subscribe(["tick"], draw),
  ];

  async function load() {
    const [lines, vehicles] = await Promise.all([
      api.all(`/api/transport/routes?temple_id=${site}&is_active=true&limit=100`, 100),
      api.all(`/api/transport/shuttles?temple_id=${site}&is_active=true&limit=500`, 500),
    ]);
    if (left) return;
    routes = new Map(lines.map((route) => [route.id, route]));
    const known = shuttles;
    shuttles = new Map(vehicles.map((document) => [document.id, newer(known.get(document.id), shuttle(document))]));
    map.setRoutes(lines);
    loaded = true;
    draw();
    await arrivals();
  }

  /** Asks for each shuttle's arrivals; one that is not answered keeps those it had. */
  async function arrivals() {
    const asked = [...shuttles.values()].filter((one) => one.route_id).slice(0, MOST);
    const answers = await Promise.allSettled(asked.map((one) => api.get(`/api/transport/shuttles/${encodeURIComponent(one.id)}/location`)));
    if (left) return;
    for (const { status, value } of answers) {
      if (status !== "fulfilled" || !shuttles.has(value.id)) continue;
      shuttles.set(value.id, { ...newer(shuttles.get(value.id), shuttle(value)), stops: value.stops ?? [] });
    }
    draw();
  }

  function reload() {
    if (loading) return;
    loading = true;
    load()
      .catch((error) => {
        if (left || error.status === 401) return;
        if (!loaded) text(none, error.message);
        else toasts.show({ severity: "warning", title: "The shuttles were not loaded anew", text: error.message });
      })
      .finally(() => {
        loading = false;
      });
  }

  function draw() {
    if (!loaded) return;
    const now = serverNow();
    const order = [...shuttles.values()].sort((a, b) => a.name.localeCompare(b.name, undefined, { numeric: true }));
    arrange(list, order.map((one) => {
      if (!rows.has(one.id)) rows.set(one.id, shuttleRow(one));
      const row = rows.get(one.id);
      row.draw(one, routes.get(one.route_id), now, map.colourOf(one.route_id));
      return row.element;
    }));
    text(count, order.length || "");
    count.hidden = order.length === 0;
    none.hidden = order.length > 0;
    text(none, "This temple has no shuttles yet.");
    map.draw(order, (one) => now - one.at > STALE_MS);
    map.element.hidden = routes.size === 0;
  }

  unsubscribe.push(hub.on(["shuttle"], (event) => {
    if (event?.temple_id !== temple.slug) return;
    const known = shuttles.get(event.shuttle_id);
    if (!known) {
      reload();
      return;
    }
    const at = time(event.timestamp) ?? 0;
    if (at < known.at) return;
    Object.assign(known, { at, lat: event.lat, lng: event.lng, passengers: event.passengers ?? known.passengers, capacity: event.capacity });
    draw();
  }));
  unsubscribe.push(hub.on(["open"], reload));
  const timer = setInterval(() => loaded && !loading && arrivals().catch(() => {}), ETA_EVERY_MS);
  reload();

  return {
    element: h("div", { class: "page shuttles-page" },
      mapPanel,
      h("section", { class: "panel shuttle-panel", "aria-labelledby": "shuttles-title" },
        h("header", { class: "panel-head" }, h("h2", { id: "shuttles-title" }, "On the way ", count)),
        none,
        list)),
    leave() {
      left = true;
      clearInterval(timer);
      map.leave();
      for (const end of unsubscribe) end();
    },
  };
}

/** A shuttle as it is kept: with its place and the time of it in milliseconds; 0 where it has not been seen. */
function shuttle(document) {
  const { location, ...kept } = document;
  return { ...kept, lat: location?.lat ?? null, lng: location?.lng ?? null, at: time(location?.timestamp) ?? 0, stops: document.stops ?? [] };
}

/** The document, with the place and the stops that are known if those are newer. */
function newer(known, document) {
  if (!known) return document;
  const stops = document.stops.length ? document.stops : known.stops;
  if (known.at <= document.at) return { ...document, stops };
  return { ...document, stops, lat: known.lat, lng: known.lng, at: known.at, passengers: known.passengers };
}

function shuttleRow(one) {
  const swatch = h("span", { class: "route-swatch", "aria-hidden": "true" });
  const route = h("span", { class: "shuttle-route" });
  const next = h("p", { class: "shuttle-next" });
  const stop = h("b", {});
  const when = h("strong", { class: "shuttle-when" });
  const basis = h("span", { class: "shuttle-basis" });
  next.append(stop, when, basis);
  const part = h("span", { class: "seats-part" });
  const seats = h("span", { class: "seats-words" });
  const seen = h("span", { class: "shuttle-seen" });
  const element = h("li", { class: "shuttle", "data-shuttle": one.id },
    h("p", { class: "shuttle-head" }, swatch, h("strong", { class: "shuttle-name" }, one.name), route),
    next,
    h("p", { class: "shuttle-foot" },
      h("span", { class: "seats" }, h("span", { class: "seats-bar", "aria-hidden": "true" }, part), seats), seen));
  const mark = icon("warning", "stale-icon");

  return {
    element,

    draw(one, line, now, colour) {
      const stale = now - one.at > STALE_MS;
      attribute(element, "data-stale", stale);
      attribute(swatch, "data-route", colour);
      text(route, line?.name ?? "no route");
      const coming = one.stops.filter((stop) => stop.eta && time(stop.eta) >= now - 20_000).sort((a, b) => time(a.eta) - time(b.eta))[0] ?? null;
      text(stop, coming ? coming.name : line ? "No stop to come" : "Not on a route");
      text(when, coming ? inWords(time(coming.eta) - now) : "");
      text(basis, coming ? BASES[coming.basis] ?? "" : "");
      const known = one.passengers !== null && one.passengers !== undefined;
      text(seats, known ? `${one.passengers} of ${one.capacity} places` : `${one.capacity} places`);
      part.style.inlineSize = `${known ? Math.min(100, (100 * one.passengers) / one.capacity) : 0}%`;
      attribute(element, "data-full", known && one.passengers >= one.capacity);
      const words = one.at === 0 ? "never seen" : `${stale ? "no position since" : "seen"} ${ago(now - one.at)}`;
      if (element.dataset.words !== words) {
        element.dataset.words = words;
        arrange(seen, stale ? [mark, h("span", {}, words)] : [h("span", {}, words)]);
      }
    },
  };
}

function inWords(ms) {
  if (ms < 45_000) return "now";
  const minutes = Math.round(ms / 60_000);
  return minutes < 90 ? `in ${minutes} min` : `in ${Math.round(minutes / 60)} h`;
}
