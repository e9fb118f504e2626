// How crowded a temple is: each zone with its level, its share and density, and what the next hours bring; for operators the heat map.

import { announce, arrange, h, text } from "../dom.js";
import { ago } from "../format.js";
import { temples, time } from "../model.js";
import { crowdCard } from "./crowd-card.js";
import { heatMap } from "./heatmap.js";
import { LEVELS, levelBadge } from "./levels.js";

const STALE_MS = 600_000;
const FORECAST_EVERY_MS = 300_000;
const PAST_MS = 6 * 3_600_000;
const RANK = LEVELS.map((level) => level.key);

/** The page about `temple`. */
export function crowdPage(context) {
  const { store, api, toasts, serverNow, hub, temple, chooseSite } = context;
  if (!temple) return { element: h("div", { class: "page" }, h("p", { class: "panel empty" }, "There is no temple yet.")) };

  const path = `/api/crowd/temple/${encodeURIComponent(temple.slug)}`;
  const cards = new Map();
  let zones = null;
  let left = false;

  const badge = h("span", { class: "level" });
  const figure = h("strong", { class: "crowd-total" }, "–");
  const share = h("span", { class: "crowd-share" });
  const age = h("span", { class: "crowd-age" });
  const grid = h("div", { class: "crowd-zones" });
  const none = h("p", { class: "panel empty" }, "Loading…");
  const map = store.state.operator ? heatMap({ api, temple, path }) : null;

  const tabs = h("nav", { class: "temples", "aria-label": "Temples" });
  const unsubscribe = [
    store.subscribe(["sites"], (state) => {
      arrange(tabs, temples(state).map((one) =>
        h("button", { type: "button", class: "chip", "aria-pressed": String(one.slug === temple.slug), "data-temple": one.slug, on: { click: () => chooseSite(one.slug) } }, one.name)));
      tabs.hidden = tabs.childElementCount < 2;
    }),
    store.subscribe(["tick"], () => draw(false)),
  ];

  function draw(anew = true) {
    if (!zones) return;
    const now = serverNow();
    const counted = zones.filter((zone) => zone.count !== null);
    const sized = counted.filter((zone) => zone.capacity);
    const sum = (items, of) => items.reduce((total, item) => total + of(item), 0);
    const capacity = sum(sized, (zone) => zone.capacity);
    const worst = RANK[Math.max(-1, ...counted.map((zone) => RANK.indexOf(zone.level)))] ?? null;
    text(figure, counted.length ? sum(counted, (zone) => zone.count).toLocaleString() : "–");
    text(share, capacity ? `${Math.round((100 * sum(sized, (zone) => zone.count)) / capacity)} % of ${capacity.toLocaleString()}` : "");
    levelBadge(badge, worst);
    const newest = Math.max(...counted.map((zone) => zone.at));
    text(age, counted.length ? `Last counted ${ago(now - newest)}` : "Not counted yet");
    if (anew) {
      arrange(grid, zones.map((zone) => {
        if (!cards.has(zone.zone)) cards.set(zone.zone, crowdCard(zone, temple.time_zone));
        return cards.get(zone.zone).element;
      }));
      none.hidden = zones.length > 0;
      if (!zones.length) text(none, "This temple has no zones yet.");
    }
    for (const zone of zones) cards.get(zone.zone)?.draw(zone, now, now - zone.at > STALE_MS);
  }

  /** Brings everything up to now; what was told meanwhile by an event is newer and stays. */
  async function load() {
    const from = new Date(serverNow() - PAST_MS).toISOString();
    const [current, predictions, history] = await Promise.all([
      api.get(`${path}/current`),
      api.get(`${path}/predictions?hours=6`),
      api.all(`${path}/history?bucket=5m&limit=500&from=${encodeURIComponent(from)}`, 20_000),
    ]);
    if (left) return;
    const known = new Map((zones ?? []).map((zone) => [zone.zone, zone]));
    zones = current.zones.map((document) => {
      const zone = { ...document, at: time(document.timestamp) ?? 0, past: [] };
      const before = known.get(zone.zone);
      if (before && before.at > zone.at) Object.assign(zone, pick(before));
      const forecast = predictions.zones.find((one) => one.zone === zone.zone);
      zone.forecast = (forecast?.predictions ?? []).map((point) => ({ ...point, at: time(point.timestamp) }));
      zone.accuracy = forecast?.accuracy ?? null;
      zone.past = history.filter((one) => one.zone === zone.zone).map((one) => [(time(one.from) + time(one.to)) / 2, one.mean]);
      return zone;
    });
    draw();
  }

  let loading = false;
  function reload() {
    if (loading) return;
    loading = true;
    load()
      .catch((error) => {
        if (left || error.status === 401) return;
        if (!zones) text(none, error.message);
        else toasts.show({ severity: "warning", title: "The crowd was not loaded anew", text: error.message });
      })
      .finally(() => {
        loading = false;
      });
  }

  unsubscribe.push(hub.on(["crowd"], (event) => {
    if (event?.temple_id !== temple.slug) return;
    const zone = zones?.find((one) => one.zone === event.zone);
    const at = time(event.timestamp) ?? 0;
    if (!zone || at < zone.at) return;
    if (zone.level !== event.level && RANK.indexOf(event.level) >= 2) announce(`${zone.name} is ${LEVELS[RANK.indexOf(event.level)].label.toLowerCase()}.`);
    Object.assign(zone, pick({ ...event, at }));
    zone.past.push([at, event.count]);
    draw();
  }));
  unsubscribe.push(hub.on(["open"], reload));
  const timer = setInterval(reload, FORECAST_EVERY_MS);
  reload();
  map?.load();

  const element = h("div", { class: "page crowd-page" },
    h("section", { class: "panel crowd-head", "aria-labelledby": "crowd-title" },
      h("div", { class: "crowd-title" }, h("h2", { id: "crowd-title" }, `Crowd at ${temple.name}`), tabs),
      h("p", { class: "crowd-now" }, figure, h("span", {}, " people now"), share, badge, age),
      h("p", { class: "crowd-key" },
        h("span", {}, h("i", { class: "key-line" }), "counted"),
        h("span", {}, h("i", { class: "key-line key-ahead" }), "expected"),
        h("span", {}, h("i", { class: "key-band" }), "where 8 of 10 outcomes lie"),
        h("span", {}, `times of ${temple.name} (${temple.time_zone})`))),
    none,
    grid,
    map?.element);
  return {
    element,
    leave() {
      left = true;
      clearInterval(timer);
      map?.leave();
      for (const end of unsubscribe) end();
    },
  };
}

/** What an event tells of a zone. */
function pick({ count, capacity, percent_of_capacity, density, level, density_level, at }) {
  return { count, capacity, percent_of_capacity, density, level, density_level, at };
}
