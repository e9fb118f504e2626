// The plan: a card for each zone, a bay for each spot. Only the bays that changed are drawn again.

import { arrange, attribute, h, text } from "../dom.js";
import { countSpots, zoneKey, zonesWithSpots } from "../model.js";
import { ALL } from "../store.js";
import { hold, move } from "./bays.js";
import { bay, spotCard } from "./spot.js";

/** The plan. */
export function planView({ store, serverNow }) {
  const cards = h("div", { class: "zones" });
  const empty = h("p", { class: "empty", hidden: true });
  const zones = new Map();
  const bays = new Map();
  let deviceOfSpot = new Map();
  let current = [];
  let picked = null;

  function pick(spotId) {
    picked = picked === spotId ? null : spotId;
    for (const [id, one] of bays) attribute(one.element, "aria-pressed", String(id === picked));
    drawCards();
  }

  function drawCards() {
    const spot = picked === null ? null : store.state.spots.get(picked);
    const key = spot && zoneKey(spot);
    for (const zone of zones.values()) {
      const shown = zone.key === key ? spot : null;
      zone.card.draw(shown, shown && deviceOfSpot.get(spot.spot_id), serverNow());
    }
  }

  function newZone(zone) {
    const name = h("h3", {});
    const code = h("span", { class: "zone-code" });
    const free = h("strong", { class: "zone-free" });
    const total = h("span", {});
    const meter = h("span", { class: "meter-part" });
    const grid = h("div", { class: "bays", role: "group" });
    const close = () => {
      const focused = bays.get(picked)?.element;
      pick(picked);
      focused?.focus();
    };
    const card = spotCard({ onClose: close });
    grid.addEventListener("keydown", (event) => move(event, grid));
    grid.addEventListener("click", (event) => {
      const element = event.target.closest(".bay");
      if (!element) return;
      hold(grid, element);
      pick(element.dataset.spot);
    });
    const element = h("article", { class: "zone panel" },
      h("header", { class: "zone-head" },
        h("div", { class: "zone-name" }, name, code),
        h("p", { class: "zone-count" }, free, total)),
      h("div", { class: "meter", "aria-hidden": "true" }, meter),
      grid,
      card.element);
    element.addEventListener("keydown", (event) => {
      if (event.key === "Escape" && !card.element.hidden) close();
    });
    return { key: zone.key, element, grid, card, name, code, free, total, meter };
  }

  function drawHead(kept, zone) {
    const counts = countSpots(zone.spots);
    text(kept.name, kept.site ? `${kept.site}, ${zone.name}` : zone.name);
    text(kept.code, zone.zone);
    kept.code.hidden = zone.name.toUpperCase() === zone.zone.toUpperCase();
    text(kept.free, counts.free);
    text(kept.total, ` of ${counts.total} free`);
    attribute(kept.grid, "aria-label", `Spots of ${zone.name}`);
    kept.meter.style.width = `${counts.total ? (100 * (counts.total - counts.free)) / counts.total : 0}%`;
  }

  function drawAll(state) {
    const shown = zonesWithSpots(state);
    current = shown;
    const siteNames = new Map(state.sites.map((site) => [site.slug, site.name]));
    const manySites = new Set(shown.map((zone) => zone.site)).size > 1;
    for (const zone of shown) {
      if (!zones.has(zone.key)) zones.set(zone.key, newZone(zone));
      const kept = zones.get(zone.key);
      kept.site = manySites ? siteNames.get(zone.site) : null;
      drawHead(kept, zone);
      arrange(kept.grid, zone.spots.map((spot) => drawBay(spot)));
      if (!kept.grid.querySelector('.bay[tabindex="0"]')) hold(kept.grid, kept.grid.firstElementChild);
    }
    arrange(cards, shown.map((zone) => zones.get(zone.key).element));
    empty.hidden = shown.length > 0;
    text(empty, state.loaded ? "There are no parking spots here." : "Loading the plan…");
  }

  function drawBay(spot) {
    if (!bays.has(spot.spot_id)) bays.set(spot.spot_id, bay(spot));
    const one = bays.get(spot.spot_id);
    one.draw(spot, deviceOfSpot.get(spot.spot_id));
    return one.element;
  }

  function drawSome(state, ids) {
    const touched = new Set();
    for (const id of ids) {
      const spot = state.spots.get(id);
      if (!spot) continue;
      if (bays.has(id)) drawBay(spot);
      touched.add(zoneKey(spot));
    }
    // The spots of the plan change in place, so the zones of the last whole drawing still hold.
    for (const zone of current) {
      if (touched.has(zone.key)) drawHead(zones.get(zone.key), zone);
    }
  }

  store.subscribe(["devices"], (state) => {
    deviceOfSpot = new Map();
    for (const device of state.devices.values()) {
      if (device.spot_id) deviceOfSpot.set(device.spot_id, device);
    }
    for (const [id, one] of bays) {
      const spot = state.spots.get(id);
      if (spot) one.draw(spot, deviceOfSpot.get(id));
    }
  });

  store.subscribe(["spots", "zones", "site", "sites", "loaded"], (state, changes) => {
    const spots = changes.get("spots");
    if (!spots || spots === ALL || ["zones", "site", "sites", "loaded"].some((key) => changes.has(key))) drawAll(state);
    else drawSome(state, spots);
  });

  store.subscribe(["tick", "spots", "devices"], drawCards);

  return h("section", { class: "plan", id: "plan", "aria-labelledby": "plan-title", tabindex: "-1" },
    h("h2", { id: "plan-title", class: "visually-hidden" }, "Plan of spots"), empty, cards);
}
