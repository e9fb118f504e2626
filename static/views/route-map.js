// Routes drawn to scale from their points, with their stops, and the shuttles on them. Not a map: there is no street here.

import { arrange, attribute, h } from "../dom.js";
import { s } from "../svg.js";

const [WIDTH, HEIGHT, EDGE] = [1000, 620, 70];
const COLOURS = 6;

/** The drawing: `setRoutes(routes)`, then `draw(shuttles, isStale)` as often as they move. */
export function routeMap() {
  const lines = s("g", {});
  const stops = s("g", {});
  const vehicles = s("g", {});
  const element = s("svg", { viewBox: `0 0 ${WIDTH} ${HEIGHT}`, class: "route-map", role: "img", "aria-label": "The routes, their stops and the shuttles on them; the list says the same in words" }, lines, stops, vehicles);
  const legend = h("ul", { class: "route-legend" });
  const marks = new Map();
  const colours = new Map();
  let place = () => null;

  function setRoutes(routes) {
    colours.clear();
    routes.forEach((route, index) => colours.set(route.id, index % COLOURS));
    const points = routes.flatMap((route) => [...route.polyline, ...route.stops.map((stop) => [stop.lat, stop.lng])]);
    if (!points.length) {
      arrange(lines, []);
      arrange(stops, []);
      arrange(legend, []);
      return;
    }
    place = projection(points);
    arrange(lines, routes.map((route) => {
      const path = route.polyline.map((point, index) => `${index ? "L" : "M"}${place(point).map((value) => value.toFixed(1)).join(" ")}`).join("");
      return s("path", { d: `${path}${route.is_loop ? "Z" : ""}`, class: "route-line", "data-route": colours.get(route.id) });
    }));
    const taken = [];
    arrange(stops, routes.flatMap((route) => route.stops.map((stop) => stopMark(stop, place([stop.lat, stop.lng]), colours.get(route.id), taken))));
    arrange(legend, routes.map((route) =>
      h("li", {}, h("span", { class: "route-swatch", "data-route": colours.get(route.id) }), h("span", {}, route.name), h("span", { class: "route-length" }, `${(route.length_m / 1000).toFixed(1)} km`))));
  }

  function draw(shuttles, isStale) {
    const seen = shuttles.filter((one) => one.lat !== null);
    arrange(vehicles, seen.map((one) => {
      if (!marks.has(one.id)) marks.set(one.id, vehicleMark(one));
      const mark = marks.get(one.id);
      const [x, y] = inside(place([one.lat, one.lng]) ?? [WIDTH / 2, HEIGHT / 2]);
      mark.style.transform = `translate(${x.toFixed(1)}px, ${y.toFixed(1)}px)`;
      attribute(mark, "data-stale", isStale(one));
      attribute(mark, "data-route", colours.get(one.route_id) ?? null);
      return mark;
    }));
  }

  return { element, legend, setRoutes, draw, colourOf: (route) => colours.get(route) ?? null };
}

/** A shuttle that has lost its way is shown at the edge. */
function inside([x, y]) {
  return [Math.min(WIDTH - 30, Math.max(30, x)), Math.min(HEIGHT - 20, Math.max(20, y))];
}

/** From [latitude, longitude] to the drawing, north up, as large as fits. */
function projection(points) {
  const lats = points.map(([lat]) => lat);
  const lngs = points.map(([, lng]) => lng);
  const [south, north, west, east] = [Math.min(...lats), Math.max(...lats), Math.min(...lngs), Math.max(...lngs)];
  const narrow = Math.cos((((south + north) / 2) * Math.PI) / 180);
  const [across, up] = [Math.max((east - west) * narrow, 1e-6), Math.max(north - south, 1e-6)];
  const scale = Math.min((WIDTH - 2 * EDGE) / across, (HEIGHT - 2 * EDGE) / up);
  const [left, top] = [(WIDTH - across * scale) / 2, (HEIGHT - up * scale) / 2];
  return ([lat, lng]) => [left + (lng - west) * narrow * scale, top + (north - lat) * scale];
}

/** A stop with its name, on the side where it is in nobody's way. */
function stopMark(stop, [x, y], colour, taken) {
  const width = stop.name.length * 10.5;
  const sides = [
    { dx: 15, dy: 5, anchor: "start", box: [x + 15, y - 12, width, 24] },
    { dx: -15, dy: 5, anchor: "end", box: [x - 15 - width, y - 12, width, 24] },
    { dx: 0, dy: -18, anchor: "middle", box: [x - width / 2, y - 36, width, 24] },
    { dx: 0, dy: 28, anchor: "middle", box: [x - width / 2, y + 12, width, 24] },
  ];
  const free = ({ box: [left, top, wide, high] }) =>
    left > 0 && left + wide < WIDTH && !taken.some(([l, t, w, b]) => left < l + w && l < left + wide && top < t + b && t < top + high);
  const side = sides.find(free) ?? sides[3];
  taken.push(side.box, [x - 10, y - 10, 20, 20]);
  return s("g", { class: "stop", "data-route": colour },
    s("circle", { cx: x, cy: y, r: 8 }),
    s("text", { x: x + side.dx, y: y + side.dy, "text-anchor": side.anchor }, stop.name));
}

function vehicleMark(one) {
  const label = one.id.length <= 6 ? one.id.replace(/^[A-Za-z]+-/, "") : one.name.slice(-4);
  return s("g", { class: "vehicle", "data-shuttle": one.id },
    s("title", {}, one.name),
    s("rect", { x: -27, y: -16, width: 54, height: 32, rx: 16 }),
    s("text", { x: 0, y: 6, "text-anchor": "middle" }, label));
}
