// Devices, the ones in trouble first: health, last heartbeat, battery, supply.

import { arrange, attribute, h, icon, text } from "../dom.js";
import { HEALTHS, ago, health, moment, quantity } from "../format.js";
import { countDevices, ofSite } from "../model.js";

const ORDER = HEALTHS.map((one) => one.key);

/** The devices. */
export function devicesView({ store, serverNow }) {
  const list = h("ul", { class: "devices" });
  const none = h("p", { class: "empty" });
  const rows = new Map();
  const chips = new Map();
  let wanted = null;
  let sought = "";

  const search = h("input", { type: "search", placeholder: "Find a device", "aria-label": "Find a device", autocomplete: "off", spellcheck: "false" });
  search.addEventListener("input", () => {
    sought = search.value.trim().toLowerCase();
    store.touch("deviceFilter");
  });
  const bar = h("div", { class: "chips", role: "group", "aria-label": "Show devices by health" });
  for (const [key, label] of [[null, "All"], ...HEALTHS.map((one) => [one.key, one.label])]) {
    const value = h("span", { class: "chip-count" });
    const chip = h("button", { type: "button", class: "chip", "aria-pressed": String(key === null), "data-health": key }, label, value);
    chip.addEventListener("click", () => {
      wanted = key;
      for (const [other, one] of chips) attribute(one.chip, "aria-pressed", String(other === wanted));
      store.touch("deviceFilter");
    });
    chips.set(key, { chip, value });
    bar.append(chip);
  }

  store.subscribe(["devices", "site", "loaded", "deviceFilter"], (state) => {
    const here = [...ofSite(state.devices.values(), state.site)];
    const counts = countDevices(here);
    for (const [key, { chip, value }] of chips) {
      const number = key === null ? counts.total : counts[key];
      text(value, number);
      chip.hidden = key !== null && number === 0 && key !== wanted;
    }
    const shown = here
      .filter((device) => wanted === null || device.shown === wanted)
      .filter((device) => !sought || [device.device_code, device.zone, device.spot_id, device.name].some((part) => part?.toLowerCase().includes(sought)))
      .sort((a, b) => ORDER.indexOf(a.shown) - ORDER.indexOf(b.shown) || a.device_code.localeCompare(b.device_code, undefined, { numeric: true }));
    const now = serverNow();
    arrange(list, shown.map((device) => {
      if (!rows.has(device.device_code)) rows.set(device.device_code, deviceRow(device));
      const row = rows.get(device.device_code);
      row.draw(device, now);
      return row.element;
    }));
    text(none, !state.loaded ? "Loading devices…" : here.length ? "No device matches." : "No devices here.");
    none.hidden = shown.length > 0;
  });

  store.subscribe(["tick"], () => {
    const now = serverNow();
    for (const row of rows.values()) if (row.element.isConnected) row.tick(now);
  });

  return h("section", { class: "panel devices-panel", id: "devices", "aria-labelledby": "devices-title" },
    h("header", { class: "panel-head" },
      h("h2", { id: "devices-title" }, "Devices"),
      h("label", { class: "search" }, icon("search"), search)),
    bar,
    none,
    h("div", { class: "scroll", tabindex: "0", role: "region", "aria-labelledby": "devices-title" }, list));
}

function deviceRow(device) {
  const mark = h("span", { class: "device-health" });
  const label = h("span", { class: "device-label" });
  const code = h("span", { class: "device-code" }, device.device_code);
  const where = h("span", { class: "device-where" });
  const seen = h("time", { class: "device-seen" });
  const level = h("span", { class: "battery-level" });
  const charge = h("span", {});
  const battery = h("span", { class: "battery" }, h("span", { class: "battery-body", "aria-hidden": "true" }, level), charge);
  const supply = h("span", { class: "supply" });
  const element = h("li", { class: "device", "data-device": device.device_code },
    h("span", { class: "device-state" }, mark, label),
    h("span", { class: "device-name" }, code, where),
    h("span", { class: "device-numbers" }, seen, battery, supply));
  let last = null;

  return {
    element,

    /** Draws the device. */
    draw(device, now) {
      last = device.seen;
      const { label: words, icon: name } = health(device.shown);
      if (element.dataset.health !== device.shown) {
        attribute(element, "data-health", device.shown);
        arrange(mark, [icon(name, "health-icon")]);
        text(label, words);
      }
      text(where, [device.zone, device.spot_id !== device.device_code && device.spot_id].filter(Boolean).join(" · "));
      attribute(seen, "title", last === null ? null : moment(last));
      const known = typeof device.battery === "number";
      battery.hidden = !known;
      if (known) {
        const share = Math.round(100 * Math.min(1, Math.max(0, device.battery)));
        level.style.width = `${share}%`;
        attribute(battery, "data-low", share < 20);
        attribute(battery, "title", "Battery");
        text(charge, `${share} %`);
      }
      const state = device.electrical_state;
      const measured = typeof device.voltage === "number";
      supply.hidden = !measured && !state;
      attribute(supply, "data-state", state);
      const numbers = measured ? `${quantity(device.voltage, "V")} · ${quantity(device.power_w, "W")}` : "";
      text(supply, state && state !== "Normal" ? `${state} ${numbers}` : numbers);
      attribute(supply, "title", state ? `Electrical state: ${state}` : null);
      this.tick(now);
    },

    /** Brings the age of its last heartbeat up to date. */
    tick(now) {
      text(seen, last === null ? "never" : ago(now - last));
    },
  };
}
