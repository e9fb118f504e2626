// Lines over time, by uPlot: loaded when the first is drawn.

import { t } from "../lib/i18n.js";
import { clock, shortMoment } from "../lib/time.js";
import { addSheet, html, useEffect, useRef, useState } from "../lib/ui.js";
import { Skeleton } from "./panel.js";

let library = null;

/** The library and its sheet. */
function load() {
  library ??= (async () => {
    const [module] = await Promise.all([import("../vendor/console/uplot.js"), addSheet("/console/vendor/console/uplot.css")]);
    return module.default;
  })();
  return library;
}

const colour = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();

/** A colour of the tokens as the canvas takes it: resolved for the scheme that is shown. */
function resolved(name) {
  const probe = document.createElement("i");
  probe.style.color = `var(${name})`;
  document.body.append(probe);
  const value = getComputedStyle(probe).color || colour(name);
  probe.remove();
  return value;
}

/** Where the scale begins and ends: where it is said to, else a little beyond the values. */
function bounds(low, high, from, to) {
  const [least, most] = [low ?? 0, high ?? 1];
  const room = Math.max((most - least) * 0.08, Math.abs(most) * 0.01, 0.5);
  return [from ?? least - room, to ?? Math.max(most + room, (from ?? -Infinity) + 1)];
}

/**
 * The chart. `times` in milliseconds; `from` and `to` are the ends of the scale where they are known; `series`: `{ label, values, unit, token, digits, dash, bars }`. `words` says the same to who cannot see it.
 */
export function Chart({ times, series, words, height = 220, timeZone, from, to }) {
  const frame = useRef(null);
  const [failed, setFailed] = useState(false);
  const [ready, setReady] = useState(false);
  useEffect(() => {
    let plot = null;
    let left = false;
    let observer = null;
    const draw = (UPlot) => {
      if (left) return;
      plot?.destroy();
      const [muted, line] = [resolved("--muted"), resolved("--line")];
      // The letters of the page: a system need not have those of each language.
      const font = `12px ${getComputedStyle(document.body).fontFamily}`;
      const axis = { stroke: muted, grid: { stroke: line, width: 1 }, ticks: { stroke: line, width: 1 }, font };
      const long = times.length > 1 && times.at(-1) - times[0] > 36 * 3_600_000;
      // A day is named once, however many lines it has.
      const label = (at) => (long ? shortMoment(at * 1000, timeZone).split(",")[0] : clock(at * 1000, timeZone));
      const named = (splits) => splits.map((at, index) => (index > 0 && label(at) === label(splits[index - 1]) ? "" : label(at)));
      plot = new UPlot({
        width: frame.current.clientWidth, height, pxAlign: 0, cursor: { y: false },
        scales: { x: { time: true }, y: { range: (_, low, high) => bounds(low, high, from, to) } },
        axes: [
          { ...axis, space: 64, values: (_, splits) => named(splits) },
          { ...axis, size: 68, values: (_, splits) => splits.map((value) => `${value}${series[0].unit ? ` ${series[0].unit}` : ""}`) },
        ],
        series: [
          { label: t("Time"), value: (_, at) => (at === null ? "–" : shortMoment(at * 1000, timeZone)) },
          ...series.map((one) => ({
            label: one.label, stroke: resolved(one.token), width: 1.8, dash: one.dash, spanGaps: false, points: { show: times.length < 40 },
            value: (_, value) => (value === null || value === undefined ? "–" : `${value.toFixed(one.digits ?? 0)} ${one.unit ?? ""}`),
          })),
        ],
      }, [times.map((at) => at / 1000), ...series.map((one) => one.values)], frame.current);
      setReady(true);
    };
    load().then((UPlot) => {
      if (left) return;
      draw(UPlot);
      observer = new ResizeObserver(([entry]) => plot?.setSize({ width: entry.contentRect.width, height }));
      observer.observe(frame.current);
      matchMedia("(prefers-color-scheme: dark)").addEventListener("change", repaint);
    }, () => setFailed(true));
    const repaint = () => load().then(draw);
    return () => {
      left = true;
      observer?.disconnect();
      matchMedia("(prefers-color-scheme: dark)").removeEventListener("change", repaint);
      plot?.destroy();
    };
  }, [times, series]);
  if (failed) return html`<p class="form-error">${t("The chart could not be drawn.")}</p>`;
  return html`<figure class="chart" aria-label=${words} role="img"><div ref=${frame}></div>${!ready && html`<${Skeleton} rows=${3} />`}</figure>`;
}
