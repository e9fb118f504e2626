// One zone: how many, how full, how dense, where it is going.

import { number, t } from "../lib/i18n.js";
import { ago, formatter } from "../lib/time.js";
import { Component, html } from "../lib/ui.js";
import { LEVELS, Level } from "./levels.js";

const HOUR = 3_600_000;
const PAST = 6 * HOUR;
const AHEAD = 6 * HOUR;
// The chart's frame, in its own units.
const [WIDTH, HEIGHT, LEFT, RIGHT, TOP, FOOT] = [310, 132, 4, 40, 8, 22];

/** The card of a zone. */
export function CrowdZone({ zone, now, stale, timeZone }) {
  const known = zone.percent_of_capacity !== null && zone.percent_of_capacity !== undefined;
  const title = `zone-${zone.zone}`;
  const isOld = zone.count !== null && stale;
  const share = zone.capacity ? `${t("of {n}", { n: number(zone.capacity) })}${known ? ` · ${Math.round(zone.percent_of_capacity)} %` : ""}` : t("people");
  return html`<section class="panel crowd-zone" data-zone=${zone.zone} data-level=${zone.level} data-stale=${isOld ? "" : undefined} aria-labelledby=${title}>
    <header class="crowd-zone-head"><h2 id=${title}>${zone.name}</h2><${Level} level=${zone.level} /></header>
    <p class="crowd-figures"><strong class="crowd-count">${zone.count === null ? "–" : number(zone.count)}</strong><span class="crowd-share">${share}</span></p>
    <div class="crowd-meter" aria-hidden="true" data-unknown=${zone.capacity ? undefined : ""}><span class="crowd-part" style=${{ inlineSize: `${Math.min(100, zone.percent_of_capacity ?? 0)}%` }}></span>
      ${LEVELS.slice(1).map((level) => html`<span class="crowd-bound" data-level=${level.key} key=${level.key}></span>`)}</div>
    <p class="crowd-facts"><span class="crowd-density" data-level=${zone.density_level}>${typeof zone.density === "number" ? t("{n} persons/m²", { n: zone.density.toFixed(1) }) : ""}</span>
      <${Trend} zone=${zone} stale=${stale} />
      <span class="crowd-age" title=${t("Last counted")}>${zone.count === null ? t("not counted yet") : isOld ? t("not counted since {ago}", { ago: ago(now - zone.at) }) : ago(now - zone.at)}</span></p>
    <${Chart} zone=${zone} minute=${Math.floor(now / 60_000)} at=${zone.at} points=${zone.past.length + zone.forecast.length} timeZone=${timeZone} />
    <${Words} zone=${zone} timeZone=${timeZone} />
  </section>`;
}

function Trend({ zone, stale }) {
  const before = zone.past.filter(([at]) => at <= zone.at - 12 * 60_000 && at >= zone.at - 75 * 60_000).at(-1);
  if (!before || zone.count === null || stale) return null;
  const change = (zone.count - before[1]) / (zone.capacity || Math.max(zone.count ?? 0, 20));
  const [name, said] = change > 0.03 ? ["rising", `↗ ${t("rising")}`] : change < -0.03 ? ["falling", `↘ ${t("falling")}`] : ["steady", `→ ${t("steady")}`];
  return html`<span class="crowd-trend" data-trend=${name}>${said}</span>`;
}

function Words({ zone, timeZone }) {
  const points = zone.forecast;
  if (!points.length) return html`<p class="crowd-next">${t("No forecast yet: this zone has not been counted.")}</p>`;
  const clock = formatter({ hour: "2-digit", minute: "2-digit" }, timeZone);
  const peak = points.reduce((most, point) => (!most || point.count > most.count ? point : most), null);
  const about = (point) => `${number(point.count)}${point.lower === null ? "" : ` (${t("{a} to {b}", { a: number(point.lower), b: number(point.upper) })})`}`;
  const booked = points[0].booked ? ` · ${t("{n} booked in the temple", { n: number(points[0].booked) })}` : "";
  const { accuracy } = zone;
  return html`<p class="crowd-next"><span>${t("From")} <b>${clock.format(points[0].at)}</b> ${t("about")} ${about(points[0])}${booked}</span>
      ${peak !== points[0] && html`<span>${t("fullest at")} <b>${clock.format(peak.at)}</b> ${t("about")} ${about(peak)}</span>`}</p>
    <p class="crowd-error">${accuracy ? t("Forecasts were off by {a} people; the count of a week before by {b}.", { a: Math.round(accuracy.mae), b: Math.round(accuracy.seasonal_naive_mae) }) : t("Too little history to know the error.")}</p>`;
}

/** The lines move by a pixel in a minute or two: no need to draw them each second. */
class Chart extends Component {
  shouldComponentUpdate(next) {
    return ["minute", "at", "points"].some((key) => next[key] !== this.props[key]);
  }

  render({ zone, minute, timeZone }) {
    const now = minute * 60_000;
    const clock = new Intl.DateTimeFormat("en-GB", { hour: "2-digit", minute: "2-digit", timeZone });
    const [from, to] = [now - PAST, now + AHEAD];
    const past = zone.past.filter(([at]) => at >= from && at <= now + 60_000);
    if (zone.count !== null && zone.at >= from) past.push([zone.at, zone.count]);
    past.sort((a, b) => a[0] - b[0]);
    const most = Math.max(zone.capacity ?? 0, 10, ...past.map(([, value]) => value * 1.1), ...zone.forecast.map((point) => (point.upper ?? point.count) * 1.05));
    const x = (at) => LEFT + ((at - from) / (to - from)) * (WIDTH - LEFT - RIGHT);
    const y = (value) => HEIGHT - FOOT - (value / most) * (HEIGHT - TOP - FOOT);
    const line = (points) => points.map(([at, value], index) => `${index ? "L" : "M"}${x(at).toFixed(1)} ${y(value).toFixed(1)}`).join("");
    const right = WIDTH - RIGHT;
    const scale = zone.capacity ? LEVELS.slice(2) : [];
    const ticks = [];
    // Whole hours of a clock that may be half an hour off.
    const pastHour = Number(clock.format(from).slice(3)) * 60_000 + (from % 60_000);
    const said = formatter({ hour: "numeric", ...(formatter({ hour: "numeric" }, timeZone).resolvedOptions().hour12 ? {} : { minute: "2-digit" }) }, timeZone);
    for (let at = from - pastHour + HOUR; at < to; at += HOUR) {
      ticks.push({ at, hour: said.format(at), major: Number.parseInt(clock.format(at), 10) % 3 === 0 });
    }
    // An hour's mean stands at its middle.
    const ahead = zone.forecast.map((point) => ({ ...point, middle: Math.min(point.at + HOUR / 2, to) })).filter((point) => point.at < to);
    const start = past.at(-1) ?? null;
    const isRecent = start && now - start[0] < HOUR;
    const banded = ahead.filter((point) => point.lower !== null);
    const upper = banded.map((point) => [point.middle, point.upper]);
    const lower = banded.map((point) => [point.middle, point.lower]).reverse();
    const expected = ahead.map((point) => [point.middle, point.count]);
    if (isRecent) {
      upper.unshift(start);
      expected.unshift(start);
    }
    return html`<svg viewBox=${`0 0 ${WIDTH} ${HEIGHT}`} class="crowd-chart" role="img" aria-label=${t("{zone}: counts of the last six hours and the forecast of the next six, by the temple's clock", { zone: zone.name })}>
      ${scale.map((level) => html`<g key=${level.key}><line x1=${LEFT} x2=${right} y1=${y(level.from * zone.capacity)} y2=${y(level.from * zone.capacity)} class="chart-bound" data-level=${level.key} />
        <text x=${right + 5} y=${y(level.from * zone.capacity)} class="chart-label">${`${Math.round(level.from * 100)} %`}</text></g>`)}
      <line x1=${LEFT} x2=${right} y1=${y(0)} y2=${y(0)} class="chart-axis" />
      ${ticks.map(({ at, hour, major }) => html`<g key=${at}><line x1=${x(at)} x2=${x(at)} y1=${y(0)} y2=${y(0) + (major ? 5 : 3)} class="chart-axis" />
        ${major && x(at) > 18 && x(at) < right - 12 && html`<text x=${x(at)} y=${HEIGHT - 7} class="chart-label chart-hour">${hour}</text>`}</g>`)}
      ${banded.length > 1 && html`<path d=${`${line([...upper, ...lower])}Z`} class="chart-band" />`}
      ${past.length > 1 && html`<path d=${`${line(past)}L${x(past.at(-1)[0])} ${y(0)}L${x(past[0][0])} ${y(0)}Z`} class="chart-area" /><path d=${line(past)} class="chart-line" />`}
      ${expected.length > 1 && html`<path d=${line(expected)} class="chart-line chart-ahead" />`}
      ${start && html`<circle cx=${x(start[0])} cy=${y(start[1])} r="3.5" class="chart-dot" />`}
      <line x1=${x(now)} x2=${x(now)} y1=${TOP} y2=${y(0)} class="chart-now" />
    </svg>`;
  }
}
