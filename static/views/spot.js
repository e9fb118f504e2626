// One spot: its bay on the plan, and the card that tells more about it.

import { arrange, attribute, h, icon, text } from "../dom.js";
import { KINDS, ago, health, quantity, shortSpot, stateLabel } from "../format.js";

const MARKS = { occupied: "car", reserved: "reserved", out_of_service: "closed" };

/** A bay. */
export function bay(spot) {
  const mark = h("span", { class: "bay-mark" });
  const kind = h("span", { class: "bay-kind" });
  const stale = h("span", { class: "bay-stale" });
  const element = h("button", { type: "button", class: "bay", "data-spot": spot.spot_id, tabindex: "-1" },
    kind, stale, mark, h("span", { class: "bay-number" }, shortSpot(spot.spot_id)));
  let drawn = {};

  return {
    element,

    /** Draws the spot as it is; `device` may be missing. Flashes when its state has turned. */
    draw(spot, device) {
      const shown = device?.shown ?? "healthy";
      if (drawn.status === spot.status && drawn.kind === spot.kind && drawn.shown === shown && drawn.device === device?.device_code) return;
      const turned = drawn.status !== undefined && drawn.status !== spot.status;
      if (drawn.status !== spot.status) {
        attribute(element, "data-state", spot.status);
        arrange(mark, MARKS[spot.status] ? [icon(MARKS[spot.status], "mark-icon")] : []);
      }
      if (drawn.kind !== spot.kind) {
        attribute(element, "data-kind", spot.kind);
        arrange(kind, spot.kind === "standard" || !KINDS[spot.kind] ? [] : [icon(spot.kind, "kind-icon")]);
      }
      if (drawn.shown !== shown) {
        attribute(stale, "data-health", shown);
        arrange(stale, shown === "healthy" ? [] : [icon(health(shown).icon, "health-icon")]);
      }
      const words = [spot.spot_id, stateLabel(spot.status), KINDS[spot.kind] ?? spot.kind];
      if (device) words.push(`device ${device.device_code} ${health(shown).label.toLowerCase()}`);
      attribute(element, "aria-label", words.join(", "));
      attribute(element, "title", words.join(" · "));
      drawn = { status: spot.status, kind: spot.kind, shown, device: device?.device_code };
      if (turned) {
        element.classList.remove("turned");
        // Asking for the layout lets the animation start again.
        void element.offsetWidth;
        element.classList.add("turned");
      }
    },
  };
}

/** The card of the spot that was picked. */
export function spotCard({ onClose }) {
  const title = h("strong", {});
  const facts = h("dl", { class: "facts" });
  const values = new Map();
  const element = h("div", { class: "spot-card", role: "group", "aria-label": "The picked spot", hidden: true },
    h("div", { class: "spot-card-head" }, title,
      h("button", { type: "button", class: "button button-quiet", "aria-label": "Close", on: { click: onClose } }, icon("close"))),
    facts);

  function fact(name, value) {
    if (!values.has(name)) {
      const dd = h("dd", {});
      const row = h("div", {}, h("dt", {}, name), dd);
      values.set(name, { dd, row });
      facts.append(row);
    }
    const { dd, row } = values.get(name);
    text(dd, value ?? "");
    row.hidden = value === null || value === undefined;
  }

  return {
    element,

    /** Shows the spot, or nothing. */
    draw(spot, device, now) {
      element.hidden = !spot;
      if (!spot) return;
      text(title, spot.spot_id);
      fact("State", stateLabel(spot.status));
      fact("Kind", KINDS[spot.kind] ?? spot.kind);
      fact("Device", device?.device_code);
      fact("Health", device && health(device.shown).label);
      fact("Last seen", device && (device.seen === null ? "never" : ago(now - device.seen)));
      fact("Supply", device && typeof device.voltage === "number" ? `${quantity(device.voltage, "V")} · ${quantity(device.power_w, "W")}` : null);
    },
  };
}
