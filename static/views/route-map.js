// Routes drawn to scale from their points, with their stops, and the shuttles on them. Not a map: there is no street here.

import { arrange, attribute, h } from "../dom.js";
import { s } from "../svg.js";

// On a phone the drawing has fewer units, so that its words are as large.
const WIDE = { width: 1000, height: 600, edges: [180, 60], letter: 10.6 };
const NARROW = { width: 540, height: 520, edges: [55, 45], letter: 10.6 };
const COLOURS = 6;
const LINE = 24;
const GAP = 17;
// Points of routes and stops that words may lie on.
const MOST_IN_THE_WAY = 6;

/** The drawing: `setRoutes(routes)`, then `draw(shuttles, isStale)` as often as they move; `leave()` ends it. */
export function routeMap() {
  const lines = s("g", {});
  const stops = s("g", {});
  const vehicles = s("g", {});
  const element = s("svg", { class: "route-map", role: "img", "aria-label": "The routes, their stops and the shuttles on them; the list says the same in words" }, lines, stops, vehicles);
  const legend = h("ul", { class: "route-legend" });
  const marks = new Map();
  const colours = new Map();
  const narrow = matchMedia("(max-width: 47.99rem)");
  let frame = WIDE;
  let place = null;
  let shown = [];
  let vehiclesShown = [[], () => false];

  function setRoutes(routes) {
    shown = routes;
    colours.clear();
    routes.forEach((route, index) => colours.set(route.id, index % COLOURS));
    const points = routes.flatMap((route) => [...route.polyline, ...route.stops.map((stop) => [stop.lat, stop.lng])]);
    [place, frame] = points.length ? projection(points, narrow.matches ? NARROW : WIDE) : [null, WIDE];
    attribute(element, "viewBox", `0 0 ${frame.width} ${frame.height.toFixed(0)}`);
    const ways = routes.map((route) => {
      const way = route.polyline.map(place);
      return route.is_loop ? [...way, way[0]] : way;
    });
    arrange(lines, routes.map((route, index) => {
      const path = ways[index].map((point, at) => `${at ? "L" : "M"}${point.map((value) => value.toFixed(1)).join(" ")}`).join("");
      return s("path", { d: path, class: "route-line", "data-route": colours.get(route.id) });
    }));
    const found = routes.flatMap((route) => route.stops.map((stop) => ({ stop, at: place([stop.lat, stop.lng]), colour: colours.get(route.id) })));
    const crowded = [...ways.flatMap(beads), ...found.flatMap(({ at }) => [at, at, at])];
    const taken = [];
    arrange(stops, found.map((one) => stopMark(one, label(one, crowded, taken, frame))));
    arrange(legend, routes.map((route) =>
      h("li", {}, h("span", { class: "route-swatch", "data-route": colours.get(route.id) }), h("span", {}, route.name), h("span", { class: "route-length" }, `${(route.length_m / 1000).toFixed(1)} km`))));
  }

  function draw(shuttles, isStale) {
    vehiclesShown = [shuttles, isStale];
    const seen = place ? shuttles.filter((one) => one.lat !== null) : [];
    arrange(vehicles, seen.map((one) => {
      if (!marks.has(one.id)) marks.set(one.id, vehicleMark(one));
      const mark = marks.get(one.id);
      // One that has lost its way is shown at the edge.
      const [x, y] = place([one.lat, one.lng]).map((value, axis) => Math.min((axis ? frame.height : frame.width) - 26, Math.max(26, value)));
      mark.style.transform = `translate(${x.toFixed(1)}px, ${y.toFixed(1)}px)`;
      attribute(mark, "data-stale", isStale(one));
      attribute(mark, "data-route", colours.get(one.route_id) ?? null);
      return mark;
    }));
  }

  function turn() {
    setRoutes(shown);
    draw(...vehiclesShown);
  }
  narrow.addEventListener("change", turn);

  return { element, legend, setRoutes, draw, colourOf: (route) => colours.get(route) ?? null, leave: () => narrow.removeEventListener("change", turn) };
}

/** From [latitude, longitude] to the drawing, north up, as large as fits; and the frame, which is no higher than that needs. */
function projection(points, frame) {
  const { width, edges: [aside, above] } = frame;
  const lats = points.map(([lat]) => lat);
  const lngs = points.map(([, lng]) => lng);
  const [south, north, west, east] = [Math.min(...lats), Math.max(...lats), Math.min(...lngs), Math.max(...lngs)];
  const narrow = Math.cos((((south + north) / 2) * Math.PI) / 180);
  const [across, up] = [Math.max((east - west) * narrow, 1e-6), Math.max(north - south, 1e-6)];
  const scale = Math.min((width - 2 * aside) / across, (frame.height - 2 * above) / up);
  const height = Math.min(frame.height, Math.max(200, up * scale + 2 * above));
  const [left, top] = [(width - across * scale) / 2, (height - up * scale) / 2];
  return [([lat, lng]) => [left + (lng - west) * narrow * scale, top + (north - lat) * scale], { ...frame, height }];
}

/** Points along a way, close enough to tell what words would lie on it. */
function beads(way) {
  return way.slice(1).flatMap(([x, y], index) => {
    const [fromX, fromY] = way[index];
    const steps = Math.max(1, Math.ceil(Math.hypot(x - fromX, y - fromY) / 8));
    return Array.from({ length: steps }, (_, step) => [fromX + ((x - fromX) * step) / steps, fromY + ((y - fromY) * step) / steps]);
  });
}

/** Where a stop's name is in nobody's way; null where there is no such place. */
function label({ stop, at: [x, y] }, crowded, taken, { width, height, letter }) {
  const wide = stop.name.length * letter;
  const sides = [];
  for (const dy of [0, -1, 1]) {
    const middle = y + dy * (dy ? GAP + 3 : 0);
    for (const [anchor, left] of [["start", x + GAP], ["end", x - GAP - wide], ["middle", x - wide / 2]]) {
      if (anchor === "middle" && dy === 0) continue;
      const shift = anchor !== "middle" && dy !== 0 ? (anchor === "start" ? -GAP : GAP) : 0;
      sides.push({ anchor, x: (anchor === "start" ? x + GAP : anchor === "end" ? x - GAP : x) + shift, y: middle, box: [left + shift, middle - LINE / 2, wide, LINE] });
    }
  }
  const within = ([left, top, w, h], [px, py]) => px > left - 4 && px < left + w + 4 && py > top - 1 && py < top + h + 1;
  const meet = ([l, t, w, h], [left, top, w2, h2]) => left < l + w && l < left + w2 && top < t + h && t < top + h2;
  const fits = ({ box: [left, top, w, h] }) => left > 2 && left + w < width - 2 && top > 2 && top + h < height - 2;
  const cost = ({ box }) => crowded.filter((point) => within(box, point)).length;
  const best = sides
    .filter((side) => fits(side) && !taken.some((other) => meet(other, side.box)))
    .map((side) => ({ ...side, cost: cost(side) }))
    .filter((side) => side.cost <= MOST_IN_THE_WAY)
    .sort((a, b) => a.cost - b.cost)[0];
  if (best) taken.push(best.box);
  return best ?? null;
}

function stopMark({ stop, at: [x, y], colour }, name) {
  return s("g", { class: "stop", "data-route": colour },
    s("title", {}, stop.name),
    s("circle", { cx: x, cy: y, r: 8 }),
    name && s("text", { x: name.x, y: name.y, "text-anchor": name.anchor }, stop.name));
}

function vehicleMark(one) {
  const words = one.id.length <= 6 ? one.id.replace(/^[A-Za-z]+-/, "") : one.name.slice(-4);
  const half = 9 + words.length * 4.8;
  return s("g", { class: "vehicle", "data-shuttle": one.id },
    s("title", {}, one.name),
    s("rect", { x: -half, y: -14, width: 2 * half, height: 28, rx: 14 }),
    s("text", { x: 0, y: 0, "text-anchor": "middle" }, words));
}
