// The numbers that are read from across the room: spots by state with their shares, and how many devices are well.

import { h, icon, text } from "../dom.js";
import { HEALTHS, STATES, percent } from "../format.js";
import { countDevices, countSpots, ofSite } from "../model.js";

/** The summary. */
export function summaryView({ store }) {
  const figures = new Map();
  const parts = new Map();
  const title = h("h2", { id: "summary-title" });
  const devices = h("ul", { class: "fleet", "aria-label": "Devices by health" });
  const fleet = new Map();

  for (const { key, label } of STATES) {
    const value = h("span", { class: "figure-value" }, "–");
    const share = h("span", { class: "figure-share" });
    figures.set(key, { value, share });
    parts.set(key, h("span", { class: "share", "data-state": key }));
    figures.get(key).item = h("li", { class: "figure", "data-state": key },
      h("span", { class: "figure-label" }, h("span", { class: "swatch", "data-state": key }), label),
      h("span", { class: "figure-line" }, value, share));
  }
  for (const { key, label, icon: name } of HEALTHS.toReversed()) {
    const value = h("strong", {});
    const item = h("li", { "data-health": key }, icon(name, "health-icon"), value, h("span", {}, ` ${label.toLowerCase()}`));
    fleet.set(key, { value, item });
    devices.append(item);
  }

  store.subscribe(["spots", "site", "sites", "loaded"], (state) => {
    const counts = countSpots(ofSite(state.spots.values(), state.site));
    const name = state.sites.find((site) => site.slug === state.site)?.name ?? "All sites";
    text(title, name);
    for (const { key } of STATES) {
      const figure = figures.get(key);
      text(figure.value, state.loaded ? counts[key] : "–");
      text(figure.share, key === "free" && state.loaded ? `of ${counts.total}` : percent(counts[key], counts.total));
      parts.get(key).style.flexGrow = String(counts[key]);
      parts.get(key).hidden = counts[key] === 0;
    }
  });

  store.subscribe(["devices", "site"], (state) => {
    const counts = countDevices(ofSite(state.devices.values(), state.site));
    for (const [key, { value, item }] of fleet) {
      text(value, counts[key]);
      item.hidden = key === "unknown" && counts[key] === 0;
    }
    devices.hidden = counts.total === 0;
  });

  return h("section", { class: "panel summary", "aria-labelledby": "summary-title" },
    h("div", { class: "summary-head" }, title, store.state.operator ? devices : null),
    h("ul", { class: "figures" }, [...figures.values()].map((figure) => figure.item)),
    h("div", { class: "shares", "aria-hidden": "true" }, [...parts.values()]),
  );
}
