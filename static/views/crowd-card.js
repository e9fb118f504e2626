// One zone: how many, how full, how dense, where it is going.

import { arrange, attribute, h, text } from "../dom.js";
import { ago } from "../format.js";
import { s } from "../svg.js";
import { LEVELS, levelBadge } from "./levels.js";

const HOUR = 3_600_000;
const PAST = 6 * HOUR;
const AHEAD = 6 * HOUR;
// The chart's frame, in its own units.
const [WIDTH, HEIGHT, LEFT, RIGHT, TOP, FOOT] = [310, 132, 4, 40, 8, 22];

/** A zone's card; `draw(zone, now, stale)` brings it up to date. */
export function crowdCard(zone, timeZone) {
  // By the temple's clock, wherever it is looked at.
  const clock = new Intl.DateTimeFormat("en-GB", { hour: "2-digit", minute: "2-digit", timeZone });
  const badge = h("span", { class: "level" });
  const count = h("strong", { class: "crowd-count" }, "–");
  const of = h("span", { class: "crowd-share" });
  const part = h("span", { class: "crowd-part" });
  const meter = h("div", { class: "crowd-meter", "aria-hidden": "true" }, part, LEVELS.slice(1).map((level) => h("span", { class: "crowd-bound", "data-level": level.key })));
  const density = h("span", { class: "crowd-density" });
  const trend = h("span", { class: "crowd-trend" });
  const seen = h("span", { class: "crowd-age", title: "Last counted" });
  const next = h("p", { class: "crowd-next" });
  const error = h("p", { class: "crowd-error" });
  const chart = s("svg", { viewBox: `0 0 ${WIDTH} ${HEIGHT}`, class: "crowd-chart", role: "img" });
  const title = `zone-${zone.zone}`;
  const element = h("section", { class: "panel crowd-zone", "data-zone": zone.zone, "aria-labelledby": title },
    h("header", { class: "crowd-zone-head" }, h("h3", { id: title }, zone.name), badge),
    h("p", { class: "crowd-figures" }, count, of),
    meter,
    h("p", { class: "crowd-facts" }, density, trend, seen),
    chart,
    next,
    error);
  let drawn = null;

  return {
    element,

    draw(zone, now, stale) {
      levelBadge(badge, zone.level);
      attribute(element, "data-level", zone.level);
      attribute(element, "data-stale", zone.count !== null && stale);
      text(count, zone.count === null ? "–" : zone.count.toLocaleString());
      const known = zone.percent_of_capacity !== null && zone.percent_of_capacity !== undefined;
      text(of, zone.capacity ? `of ${zone.capacity.toLocaleString()}${known ? ` · ${Math.round(zone.percent_of_capacity)} %` : ""}` : "people");
      // Where no capacity is known, there is nothing to be a part of.
      attribute(meter, "data-unknown", !zone.capacity);
      part.style.inlineSize = `${Math.min(100, zone.percent_of_capacity ?? 0)}%`;
      text(density, typeof zone.density === "number" ? `${zone.density.toFixed(1)} persons/m²` : "");
      attribute(density, "data-level", zone.density_level);
      text(seen, zone.count === null ? "not counted yet" : `${stale ? "not counted since " : ""}${ago(now - zone.at)}`);
      drawTrend(zone, stale);
      // The lines move by a pixel in a minute or two: no need to draw them each second.
      const state = `${Math.floor(now / 60_000)} ${zone.at} ${zone.past.length} ${zone.forecast.length}`;
      if (state === drawn) return;
      drawn = state;
      drawChart(zone, now);
      drawWords(zone);
    },
  };

  function drawTrend(zone, stale) {
    const before = zone.past.filter(([at]) => at <= zone.at - 12 * 60_000 && at >= zone.at - 75 * 60_000).at(-1);
    const scale = zone.capacity || Math.max(zone.count ?? 0, 20);
    trend.hidden = !before || zone.count === null || stale;
    if (trend.hidden) return;
    const change = (zone.count - before[1]) / scale;
    const [name, mark] = change > 0.03 ? ["rising", "↗"] : change < -0.03 ? ["falling", "↘"] : ["steady", "→"];
    attribute(trend, "data-trend", name);
    text(trend, `${mark} ${name}`);
  }

  function drawWords(zone) {
    const points = zone.forecast;
    const peak = points.reduce((most, point) => (!most || point.count > most.count ? point : most), null);
    next.hidden = error.hidden = !points.length;
    if (!points.length) {
      next.hidden = false;
      text(next, "No forecast yet: this zone has not been counted.");
      return;
    }
    const words = (point) => {
      const range = point.lower === null ? "" : ` (${point.lower.toLocaleString()} to ${point.upper.toLocaleString()})`;
      return `${point.count.toLocaleString()}${range}`;
    };
    const booked = points[0].booked ? ` · ${points[0].booked.toLocaleString()} booked in the temple` : "";
    arrange(next, [
      h("span", {}, "From ", h("b", {}, clock.format(points[0].at)), ` about ${words(points[0])}${booked}`),
      peak === points[0] ? null : h("span", {}, "fullest at ", h("b", {}, clock.format(peak.at)), ` about ${words(peak)}`),
    ].filter(Boolean));
    const accuracy = zone.accuracy;
    text(error, accuracy
      ? `Forecasts were off by ${Math.round(accuracy.mae)} people; the count of a week before by ${Math.round(accuracy.seasonal_naive_mae)}.`
      : "Too little history to know the error.");
  }

  function drawChart(zone, now) {
    const [from, to] = [now - PAST, now + AHEAD];
    const past = zone.past.filter(([at]) => at >= from && at <= now);
    if (zone.count !== null && zone.at >= from) past.push([zone.at, zone.count]);
    past.sort((a, b) => a[0] - b[0]);
    const most = Math.max(zone.capacity ?? 0, 10, ...past.map(([, value]) => value * 1.1), ...zone.forecast.map((point) => (point.upper ?? point.count) * 1.05));
    const x = (at) => LEFT + ((at - from) / (to - from)) * (WIDTH - LEFT - RIGHT);
    const y = (value) => HEIGHT - FOOT - (value / most) * (HEIGHT - TOP - FOOT);
    const line = (points) => points.map(([at, value], index) => `${index ? "L" : "M"}${x(at).toFixed(1)} ${y(value).toFixed(1)}`).join("");
    const parts = [];
    const right = WIDTH - RIGHT;
    const scale = zone.capacity ? LEVELS.slice(2).map((level) => [level.from * zone.capacity, `${Math.round(level.from * 100)} %`, level.key]) : [];
    for (const [value, label, key] of scale) {
      parts.push(s("line", { x1: LEFT, x2: right, y1: y(value), y2: y(value), class: "chart-bound", "data-level": key }));
      parts.push(s("text", { x: right + 5, y: y(value), class: "chart-label" }, label));
    }
    parts.push(s("line", { x1: LEFT, x2: right, y1: y(0), y2: y(0), class: "chart-axis" }));
    // Whole hours of a clock that may be half an hour off.
    const pastHour = Number(clock.format(from).slice(3)) * 60_000 + (from % 60_000);
    for (let at = from - pastHour + HOUR; at < to; at += HOUR) {
      const hour = clock.format(at);
      const major = Number.parseInt(hour, 10) % 3 === 0;
      parts.push(s("line", { x1: x(at), x2: x(at), y1: y(0), y2: y(0) + (major ? 5 : 3), class: "chart-axis" }));
      if (major && x(at) > 18 && x(at) < right - 12) parts.push(s("text", { x: x(at), y: HEIGHT - 7, class: "chart-label chart-hour" }, hour));
    }
    // An hour's mean stands at its middle.
    const ahead = zone.forecast.map((point) => ({ ...point, middle: Math.min(point.at + HOUR / 2, to) })).filter((point) => point.at < to);
    const start = past.at(-1) ?? null;
    const banded = ahead.filter((point) => point.lower !== null);
    if (banded.length > 1) {
      const upper = banded.map((point) => [point.middle, point.upper]);
      const lower = banded.map((point) => [point.middle, point.lower]).reverse();
      if (start && now - start[0] < HOUR) upper.unshift(start);
      parts.push(s("path", { d: `${line([...upper, ...lower])}Z`, class: "chart-band" }));
    }
    if (past.length > 1) {
      parts.push(s("path", { d: `${line(past)}L${x(past.at(-1)[0])} ${y(0)}L${x(past[0][0])} ${y(0)}Z`, class: "chart-area" }));
      parts.push(s("path", { d: line(past), class: "chart-line" }));
    }
    const expected = ahead.map((point) => [point.middle, point.count]);
    if (start && now - start[0] < HOUR) expected.unshift(start);
    if (expected.length > 1) parts.push(s("path", { d: line(expected), class: "chart-line chart-ahead" }));
    if (start) parts.push(s("circle", { cx: x(start[0]), cy: y(start[1]), r: 3.5, class: "chart-dot" }));
    parts.push(s("line", { x1: x(now), x2: x(now), y1: TOP, y2: y(0), class: "chart-now" }));
    arrange(chart, parts);
    attribute(chart, "aria-label", `${zone.name}: counts of the last six hours and the forecast of the next six, by the temple's clock`);
  }
}
