// The shuttles of a temple: where they are on their routes, when they come to the next stop, how full they are.

import { t } from "../lib/i18n.js";
import { useResource } from "../lib/resource.js";
import { ago, time } from "../lib/time.js";
import { Icon, html, useEffect, useState } from "../lib/ui.js";
import { hub, useNow } from "../state/live.js";
import { api } from "../state/session.js";
import { Card, Empty, Fresh } from "./panel.js";
import { RouteMap, coloursOf } from "./route-map.js";
import { TempleTabs } from "./site-tabs.js";

const STALE_MS = 120_000;
const ETA_EVERY_MS = 15_000;
// Each has its arrivals asked for by itself.
const MOST = 40;
const BASES = { recent_speed: "at its own speed", typical_speed: "at the usual speed", timetable: "by the timetable" };

/** A shuttle as it is kept: with its place and the time of it in milliseconds; 0 where it has not been seen. */
function shuttle(document) {
  const { location, ...kept } = document;
  return { ...kept, lat: location?.lat ?? null, lng: location?.lng ?? null, at: time(location?.timestamp) ?? 0, stops: document.stops ?? [] };
}

function useShuttles(temple) {
  const site = encodeURIComponent(temple.slug);
  const [, draw] = useState(0);
  const resource = useResource(async () => {
    const [routes, vehicles] = await Promise.all([
      api.all(`/api/transport/routes?temple_id=${site}&is_active=true&limit=100`, 100),
      api.all(`/api/transport/shuttles?temple_id=${site}&is_active=true&limit=500`, 500),
    ]);
    const shuttles = new Map(vehicles.map((document) => [document.id, shuttle(document)]));
    // One whose arrivals are not answered is shown without.
    const asked = vehicles.filter((one) => one.route_id).slice(0, MOST);
    const answers = await Promise.allSettled(asked.map((one) => api.get(`/api/transport/shuttles/${encodeURIComponent(one.id)}/location`)));
    for (const answer of answers) {
      if (answer.status === "fulfilled" && shuttles.has(answer.value.id)) shuttles.set(answer.value.id, { ...shuttles.get(answer.value.id), ...shuttle(answer.value) });
    }
    return { routes, shuttles };
  }, [temple.slug], { every: ETA_EVERY_MS, fed: true });
  useEffect(() => hub.on(["shuttle"], (event) => {
    if (event?.temple_id !== temple.slug || !resource.data) return;
    const known = resource.data.shuttles.get(event.shuttle_id);
    if (!known) {
      resource.reload();
      return;
    }
    const at = time(event.timestamp) ?? 0;
    if (at < known.at) return;
    Object.assign(known, { at, lat: event.lat, lng: event.lng, passengers: event.passengers ?? known.passengers, capacity: event.capacity });
    draw((count) => count + 1);
  }), [resource.data]);
  return resource;
}

function inWords(ms) {
  if (ms < 45_000) return t("now");
  const minutes = Math.round(ms / 60_000);
  return minutes < 90 ? t("in {n} min", { n: minutes }) : t("in {n} h", { n: Math.round(minutes / 60) });
}

function Shuttle({ one, line, now, colour }) {
  const stale = now - one.at > STALE_MS;
  const coming = one.stops.filter((stop) => stop.eta && time(stop.eta) >= now - 20_000).sort((a, b) => time(a.eta) - time(b.eta))[0] ?? null;
  const known = one.passengers !== null && one.passengers !== undefined;
  const seen = one.at === 0 ? t("never seen") : stale ? t("no position since {ago}", { ago: ago(now - one.at) }) : t("seen {ago}", { ago: ago(now - one.at) });
  return html`<li class="shuttle" data-shuttle=${one.id} data-stale=${stale ? "" : undefined} data-full=${known && one.passengers >= one.capacity ? "" : undefined}>
    <p class="shuttle-head"><span class="route-swatch" aria-hidden="true" data-route=${colour}></span><strong class="shuttle-name">${one.name}</strong><span class="shuttle-route">${line?.name ?? t("no route")}</span></p>
    <p class="shuttle-next"><b>${coming ? coming.name : line ? t("No stop to come") : t("Not on a route")}</b><strong class="shuttle-when">${coming ? inWords(time(coming.eta) - now) : ""}</strong>
      <span class="shuttle-basis">${coming ? t(BASES[coming.basis] ?? "") : ""}</span></p>
    <p class="shuttle-foot"><span class="seats"><span class="seats-bar" aria-hidden="true"><span class="seats-part" style=${{ inlineSize: `${known ? Math.min(100, (100 * one.passengers) / one.capacity) : 0}%` }}></span></span>
      <span class="seats-words">${known ? t("{a} of {b} places", { a: one.passengers, b: one.capacity }) : t("{n} places", { n: one.capacity })}</span></span>
      <span class="shuttle-seen">${stale && one.at !== 0 && html`<${Icon} name="warning" class="stale-icon" />`}<span>${seen}</span></span></p>
  </li>`;
}

/** The board of a temple. */
export function ShuttleBoard({ temple }) {
  const now = useNow();
  const resource = useShuttles(temple);
  const isStale = (one) => now - one.at > STALE_MS;
  const order = resource.data ? [...resource.data.shuttles.values()].sort((a, b) => a.name.localeCompare(b.name, undefined, { numeric: true })) : [];
  const routes = resource.data?.routes ?? [];
  const colours = coloursOf(routes);
  return html`<${Card} class="map-panel" id="map" title=${t("Shuttles of {site}", { site: temple.name })} actions=${html`<${TempleTabs} shown=${temple} />`}>
      <${Fresh} resource=${resource} rows=${6}>${() => html`<${RouteMap} routes=${routes} shuttles=${order} isStale=${isStale} />`}</${Fresh}></${Card}>
    ${resource.data && html`<${Card} class="shuttle-panel" id="shuttles" title=${html`${t("On the way")} ${order.length > 0 && html`<span class="count">${order.length}</span>`}`}>
      ${order.length === 0 ? html`<${Empty}>${t("This temple has no shuttles yet.")}</${Empty}>` : html`<ul class="shuttles" data-stale=${resource.status === "stale" ? "true" : undefined}>${order.map((one) => html`<${Shuttle} key=${one.id} one=${one} now=${now}
        line=${routes.find((route) => route.id === one.route_id)} colour=${colours.get(one.route_id)} />`)}</ul>`}
    </${Card}>`}`;
}
