// Zone by hour: how full each zone is in the mean at each hour of the day.

import { t } from "../lib/i18n.js";
import { useResource } from "../lib/resource.js";
import { html, useState } from "../lib/ui.js";
import { api } from "../state/session.js";
import { Empty, Panel } from "./panel.js";

// Viridis at 0, 10, … 100 %: even to the eye, told apart with every kind of colour blindness; as in the pictures of the heat map.
const STOPS = ["440154", "482475", "414487", "355f8d", "2a788e", "21918c", "22a884", "44bf70", "7ad151", "bddf26", "fde725"]
  .map((hex) => [0, 2, 4].map((at) => Number.parseInt(hex.slice(at, at + 2), 16)));

/** The colour of a part, 0 to 1, and that of the words on it: `[background, text]`. */
function viridis(part) {
  const place = Math.min(1, Math.max(0, part)) * 10;
  const below = Math.min(9, Math.floor(place));
  const colour = STOPS[below].map((low, channel) => Math.round(low + (STOPS[below + 1][channel] - low) * (place - below)));
  const [red, green, blue] = colour.map((channel) => {
    const linear = channel / 255;
    return linear <= 0.04045 ? linear / 12.92 : ((linear + 0.055) / 1.055) ** 2.4;
  });
  const light = 0.2126 * red + 0.7152 * green + 0.0722 * blue > 0.179;
  return [`rgb(${colour.join(" ")})`, light ? "#000000" : "#ffffff"];
}

/** Days, and what they are called. @type {[number, string][]} */
const SPANS = [[7, "7 days"], [28, "4 weeks"], [91, "3 months"]];

/** How many there were, where no capacity is known: `870`, `1.2k`. */
function short(people) {
  if (people === null) return "";
  return people < 999.5 ? String(Math.round(people)) : `${(people / 1000).toFixed(people < 9_950 ? 1 : 0)}k`;
}

/** The heat map of a temple. */
export function HeatMap({ path }) {
  const [days, setDays] = useState(7);
  const resource = useResource(() => {
    const to = Date.now();
    const query = new URLSearchParams({ from: new Date(to - days * 86_400_000).toISOString(), to: new Date(to).toISOString() });
    return api.get(`${path}/heatmap?${query}`);
  }, [path, days]);
  const chips = html`<div class="heat-spans" role="group" aria-label=${t("Span of the heat map")}>${SPANS.map(([span, label]) => html`<button type="button" class="chip" key=${span}
    data-days=${span} aria-pressed=${span === days} onClick=${() => setDays(span)}>${t(label)}</button>`)}</div>`;
  return html`<${Panel} title=${t("Through the day")} class="heat-panel" id="heat" resource=${resource} actions=${chips}>${(map) => html`
    <p class="heat-about">${t("Mean of the counts at each hour of the day ({zone}), per cent of each zone's capacity.", { zone: map.time_zone })}</p>
    ${map.zones.length === 0 ? html`<${Empty}>${t("This temple has no zones yet.")}</${Empty}>` : html`<${Table} map=${map} />`}
    <${Legend} />`}
  </${Panel}>`;
}

function Table({ map }) {
  const hours = map.zones[0]?.hours.map((cell) => cell.hour) ?? [];
  return html`<div class="heat-scroll" tabindex="0" role="region" aria-label=${t("{name}: table", { name: t("Through the day") })}><table class="heat">
    <caption class="visually-hidden">${t("How full each zone of {site} is by the hour of the day, in per cent of its capacity", { site: map.name })}</caption>
    <thead><tr><th scope="col">${t("Zone")}</th>${hours.map((hour) => html`<th scope="col" key=${hour}>${String(hour).padStart(2, "0")}</th>`)}</tr></thead>
    <tbody>${map.zones.map((zone) => html`<tr key=${zone.zone}><th scope="row" title=${zone.name}>${zone.name}</th>${zone.hours.map((cell) => html`<${Cell} key=${cell.hour} zone=${zone} cell=${cell} />`)}</tr>`)}</tbody>
  </table></div>`;
}

function Cell({ zone, cell }) {
  const percent = cell.percent_of_capacity;
  const known = typeof percent === "number";
  const said = cell.mean === null ? t("not counted") : `${Math.round(cell.mean)} ${t("people")}${known ? `, ${Math.round(percent)} %` : ""}, ${t("{n} counts", { n: cell.readings })}`;
  const [background, color] = known ? viridis(percent / 100) : [];
  return html`<td title=${`${zone.name}, ${String(cell.hour).padStart(2, "0")}:00: ${said}`} data-known=${known ? "" : undefined} style=${known ? { background, color } : undefined}>${known ? String(Math.round(percent)) : short(cell.mean)}</td>`;
}

function Legend() {
  const background = `linear-gradient(to right, ${[0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1].map((part) => viridis(part)[0]).join(", ")})`;
  return html`<p class="heat-scale"><span class="heat-legend"><span class="heat-bar" aria-hidden="true" style=${{ background }}></span>
    <span class="heat-ticks">${[0, 30, 60, 80, 100].map((percent) => html`<span key=${percent} style=${{ insetInlineStart: `${percent}%` }}>${percent} %</span>`)}</span></span>
    <span class="heat-unknown">${t("not counted; people where no capacity is known")}</span></p>`;
}
