// Zone by hour: how full each zone is in the mean at each hour of the day.

import { arrange, attribute, h, text } from "../dom.js";
import { viridis } from "../svg.js";

const SPANS = [
  { days: 7, label: "7 days" },
  { days: 28, label: "4 weeks" },
  { days: 91, label: "3 months" },
];

/** The heat map of `temple`; `load()` asks for it. */
export function heatMap({ api, temple, path }) {
  const table = h("table", { class: "heat" });
  const none = h("p", { class: "empty" }, "Loading…");
  const about = h("p", { class: "heat-about" });
  let days = SPANS[0].days;
  let asked = 0;

  const chips = SPANS.map((span) =>
    h("button", { type: "button", class: "chip", "aria-pressed": String(span.days === days), "data-days": span.days, on: { click: () => choose(span.days) } }, span.label));

  function choose(wanted) {
    days = wanted;
    for (const chip of chips) attribute(chip, "aria-pressed", String(Number(chip.dataset.days) === days));
    load();
  }

  async function load() {
    asked += 1;
    const mine = asked;
    const to = new Date();
    const from = new Date(to - days * 86_400_000);
    const query = new URLSearchParams({ from: from.toISOString(), to: to.toISOString() });
    try {
      const map = await api.get(`${path}/heatmap?${query}`);
      if (mine === asked) draw(map);
    } catch (error) {
      if (mine !== asked || error.status === 401) return;
      none.hidden = false;
      text(none, error.message);
    }
  }

  function draw(map) {
    const hours = map.zones[0]?.hours.map((cell) => cell.hour) ?? [];
    none.hidden = map.zones.length > 0;
    text(none, "This temple has no zones yet.");
    text(about, `Mean of the counts at each hour of the day (${map.time_zone}), per cent of each zone's capacity.`);
    arrange(table, [
      h("caption", { class: "visually-hidden" }, `How full each zone of ${map.name} is by the hour of the day, in per cent of its capacity`),
      h("thead", {}, h("tr", {}, h("th", { scope: "col" }, "Zone"), hours.map((hour) => h("th", { scope: "col" }, String(hour).padStart(2, "0"))))),
      h("tbody", {}, map.zones.map((zone) =>
        h("tr", {}, h("th", { scope: "row", title: zone.name }, zone.name), zone.hours.map((cell) => heatCell(zone, cell))))),
    ]);
  }

  const scale = h("span", { class: "heat-bar", "aria-hidden": "true" });
  scale.style.background = `linear-gradient(to right, ${[0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1].map((part) => viridis(part)[0]).join(", ")})`;
  const ticks = [0, 30, 60, 80, 100].map((percent) => {
    const tick = h("span", {}, `${percent} %`);
    tick.style.insetInlineStart = `${percent}%`;
    return tick;
  });
  const element = h("section", { class: "panel heat-panel", "aria-labelledby": "heat-title" },
    h("header", { class: "panel-head" },
      h("h2", { id: "heat-title" }, "Through the day"),
      h("div", { class: "heat-spans", role: "group", "aria-label": "Span of the heat map" }, chips)),
    about,
    none,
    h("div", { class: "heat-scroll", tabindex: "0", role: "region", "aria-labelledby": "heat-title" }, table),
    h("p", { class: "heat-scale" }, h("span", { class: "heat-legend" }, scale, h("span", { class: "heat-ticks" }, ticks)), h("span", { class: "heat-unknown" }, "not counted; people where no capacity is known")));
  return {
    element,
    load,
    leave() {
      asked += 1;
    },
  };
}

function heatCell(zone, cell) {
  const percent = cell.percent_of_capacity;
  const known = typeof percent === "number";
  const said = cell.mean === null ? "not counted" : `${Math.round(cell.mean)} people${known ? `, ${Math.round(percent)} % of capacity` : ""}, ${cell.readings} counts`;
  const element = h("td", { title: `${zone.name}, ${String(cell.hour).padStart(2, "0")}:00: ${said}`, "data-known": known }, known ? String(Math.round(percent)) : short(cell.mean));
  if (known) [element.style.background, element.style.color] = viridis(percent / 100);
  return element;
}

/** How many there were, where no capacity is known: `870`, `1.2k`. */
function short(people) {
  if (people === null) return "";
  return people < 999.5 ? String(Math.round(people)) : `${(people / 1000).toFixed(people < 9_950 ? 1 : 0)}k`;
}
