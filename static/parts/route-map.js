// Routes drawn to scale from their points, with their stops, and the shuttles on them. Not a map: there is no street here.

import { t } from "../lib/i18n.js";
import { NARROW, WIDE, beads, label, projection } from "../lib/route-geometry.js";
import { html, useEffect, useMemo, useState } from "../lib/ui.js";

const COLOURS = 6;

/** Which of the colours each route has. */
export const coloursOf = (routes) => new Map(routes.map((route, index) => [route.id, index % COLOURS]));

function useNarrow() {
  const query = useMemo(() => matchMedia("(max-width: 47.99rem)"), []);
  const [narrow, setNarrow] = useState(query.matches);
  useEffect(() => {
    const turn = () => setNarrow(query.matches);
    query.addEventListener("change", turn);
    return () => query.removeEventListener("change", turn);
  }, []);
  return narrow;
}

function drawing(routes, narrow) {
  const points = routes.flatMap((route) => [...route.polyline, ...route.stops.map((stop) => [stop.lat, stop.lng])]);
  if (!points.length) return null;
  const [place, frame] = projection(points, narrow ? NARROW : WIDE);
  const ways = routes.map((route) => {
    const way = route.polyline.map(place);
    return route.is_loop ? [...way, way[0]] : way;
  });
  const stops = routes.flatMap((route, index) => route.stops.map((stop) => ({ stop, at: place([stop.lat, stop.lng]), colour: index % COLOURS })));
  const crowded = [...ways.flatMap(beads), ...stops.flatMap(({ at }) => [at, at, at])];
  const taken = [];
  return { place, frame, ways, stops: stops.map((one) => ({ ...one, name: label(one, crowded, taken, frame) })) };
}

/** The drawing with its legend. */
export function RouteMap({ routes, shuttles, isStale }) {
  const narrow = useNarrow();
  const drawn = useMemo(() => drawing(routes, narrow), [routes, narrow]);
  const colours = useMemo(() => coloursOf(routes), [routes]);
  if (!drawn) return null;
  const { place, frame, ways, stops } = drawn;
  const inFrame = ([lat, lng]) => place([lat, lng]).map((value, axis) => Math.min((axis ? frame.height : frame.width) - 26, Math.max(26, value)));
  return html`<ul class="route-legend">${routes.map((route) => html`<li key=${route.id}><span class="route-swatch" data-route=${colours.get(route.id)}></span><span>${route.name}</span>
      <span class="route-length">${(route.length_m / 1000).toFixed(1)} km</span></li>`)}</ul>
    <svg class="route-map" role="img" viewBox=${`0 0 ${frame.width} ${frame.height.toFixed(0)}`} aria-label=${t("The routes, their stops and the shuttles on them; the list says the same in words")}>
      ${ways.map((way, index) => html`<path key=${routes[index].id} class="route-line" data-route=${index % COLOURS} d=${way.map((point, at) => `${at ? "L" : "M"}${point.map((value) => value.toFixed(1)).join(" ")}`).join("")} />`)}
      ${stops.map(({ stop, at: [x, y], colour, name }) => html`<g class="stop" data-route=${colour} key=${stop.id}><title>${stop.name}</title><circle cx=${x} cy=${y} r="8" />
        ${name && html`<text x=${name.x} y=${name.y} text-anchor=${name.anchor}>${stop.name}</text>`}</g>`)}
      ${shuttles.filter((one) => one.lat !== null).map((one) => {
        // One that has lost its way is shown at the edge.
        const [x, y] = inFrame([one.lat, one.lng]);
        const words = one.id.length <= 6 ? one.id.replace(/^[A-Za-z]+-/, "") : one.name.slice(-4);
        const half = 9 + words.length * 4.8;
        return html`<g class="vehicle" key=${one.id} data-shuttle=${one.id} data-stale=${isStale(one) ? "" : undefined} data-route=${colours.get(one.route_id)} style=${{ transform: `translate(${x.toFixed(1)}px, ${y.toFixed(1)}px)` }}>
          <title>${one.name}</title><rect x=${-half} y="-14" width=${2 * half} height="28" rx="14" /><text x="0" y="0" text-anchor="middle">${words}</text></g>`;
      })}
    </svg>`;
}
