// Alerts, newest first: the open ones with what can be done about them, the resolved ones folded away.

import { announce, arrange, attribute, h, icon, text } from "../dom.js";
import { ago, moment, words } from "../format.js";
import { alertsOfSite, takeAlert, time } from "../model.js";

const MOST_RESOLVED = 50;
const SEVERITIES = ["critical", "warning", "info"];

/** The alerts. */
export function alertsView({ store, api, toasts, serverNow }) {
  const open = h("ul", { class: "alerts" });
  const resolved = h("ul", { class: "alerts" });
  const none = h("p", { class: "empty" });
  const summary = h("summary", {});
  const past = h("details", { class: "past" }, summary, resolved);
  const count = h("span", { class: "count" });
  const title = h("h2", { id: "alerts-title", tabindex: "-1" }, "Alerts ", count);
  const cards = new Map();

  async function act(id, verb) {
    const card = cards.get(id);
    if (!card || card.busy()) return;
    card.setBusy(true);
    try {
      const document = await api.patch(`/api/alerts/${encodeURIComponent(id)}/${verb}`);
      if (takeAlert(store.state.alerts, document)) store.touch("alerts", id);
      announce(`Alert ${verb === "resolve" ? "resolved" : "acknowledged"}.`);
    } catch (error) {
      // Someone else was first: the feed tells what they did.
      if (error.status !== 401) toasts.show({ severity: "warning", title: "Nothing was changed", text: error.message });
    } finally {
      card.setBusy(false);
    }
  }

  function drawCard(alert) {
    if (!cards.has(alert.id)) cards.set(alert.id, alertCard(alert, act));
    const card = cards.get(alert.id);
    card.draw(alert, store.state, serverNow());
    return card.element;
  }

  store.subscribe(["alerts", "site", "sites", "loaded"], (state) => {
    const shown = alertsOfSite(state.alerts, state.site);
    const standing = shown.filter((alert) => alert.status !== "resolved");
    const over = shown.filter((alert) => alert.status === "resolved").slice(0, MOST_RESOLVED);
    const focused = document.activeElement?.closest?.(".alert");
    const position = focused ? [...open.children].indexOf(focused) : -1;
    arrange(open, standing.map(drawCard));
    arrange(resolved, over.map(drawCard));
    // The card that was acted on has moved away: stay at the place where it was.
    if (position >= 0 && focused.parentElement !== open) {
      const next = open.children[Math.min(position, open.children.length - 1)];
      (next?.querySelector("button") ?? title).focus();
    }
    const active = standing.filter((alert) => alert.status === "active");
    text(count, active.length || "");
    count.hidden = active.length === 0;
    attribute(count, "data-severity", SEVERITIES.find((severity) => active.some((alert) => alert.severity === severity)));
    text(none, state.loaded ? "Nothing needs attention." : "Loading alerts…");
    none.hidden = standing.length > 0;
    text(summary, `Resolved (${over.length}${over.length === MOST_RESOLVED ? "+" : ""})`);
    past.hidden = over.length === 0;
    for (const id of cards.keys()) {
      if (!state.alerts.has(id)) cards.delete(id);
    }
  });

  store.subscribe(["tick"], () => {
    for (const card of cards.values()) card.tick(serverNow());
  });

  return h("section", { class: "panel alerts-panel", id: "alerts", "aria-labelledby": "alerts-title" },
    h("header", { class: "panel-head" }, title), none, open, past);
}

function alertCard(alert, act) {
  const severity = h("span", { class: "severity" });
  const kind = h("span", { class: "alert-kind" });
  const message = h("p", { class: "alert-message" });
  const place = h("span", { class: "alert-place" });
  const age = h("time", { class: "alert-age" });
  const step = h("span", { class: "alert-step" });
  const acknowledge = h("button", { type: "button", class: "button", on: { click: () => act(alert.id, "acknowledge") } }, "Acknowledge");
  const resolve = h("button", { type: "button", class: "button", on: { click: () => act(alert.id, "resolve") } }, icon("check"), "Resolve");
  const buttons = h("div", { class: "alert-buttons" }, acknowledge, resolve);
  const element = h("li", { class: "alert", id: `alert-${alert.id}`, tabindex: "-1" },
    h("div", { class: "alert-head" }, severity, kind, age),
    message,
    h("div", { class: "alert-foot" }, h("p", { class: "alert-where" }, place, step), buttons));
  let drawn = null;
  let at = 0;

  return {
    element,

    /** Draws the alert when it is not what was drawn before. */
    draw(alert, state, now) {
      if (drawn === alert) return;
      drawn = alert;
      at = time(alert.timestamp) ?? time(alert.created_at) ?? now;
      attribute(element, "data-severity", alert.severity);
      attribute(element, "data-status", alert.status);
      arrange(severity, [icon(SEVERITIES.includes(alert.severity) ? alert.severity : "info", "severity-icon"), words(alert.severity)]);
      text(kind, words(alert.alert_type));
      text(message, alert.message);
      text(place, whereabouts(alert, state));
      text(step, steps(alert, state.user));
      attribute(age, "datetime", alert.timestamp);
      attribute(age, "title", moment(at));
      const held = document.activeElement === acknowledge;
      acknowledge.hidden = alert.status !== "active";
      buttons.hidden = alert.status === "resolved";
      if (held && alert.status === "acknowledged") resolve.focus();
      attribute(acknowledge, "aria-label", `Acknowledge: ${alert.message}`);
      attribute(resolve, "aria-label", `Resolve: ${alert.message}`);
      this.tick(now);
    },

    /** Brings its age up to date. */
    tick(now) {
      text(age, ago(now - at));
    },

    /** Whether a request about it is under way. */
    busy: () => resolve.hasAttribute("aria-busy"),

    /** While a request is under way, another is not sent. */
    setBusy(busy) {
      // Not `disabled`, which would throw the focus away.
      for (const button of [acknowledge, resolve]) attribute(button, "aria-busy", busy ? "true" : null);
    },
  };
}

function whereabouts(alert, state) {
  const site = state.sites.find((one) => one.slug === alert.site)?.name ?? alert.site;
  const zones = Array.isArray(alert.zones) ? alert.zones.join(", ") : "";
  return [site, zones, alert.subject, alert.location, alert.camera_id].filter(Boolean).join(" · ");
}

function steps(alert, user) {
  const by = (id) => (id === user.id ? " by you" : id === "system" ? " by itself" : "");
  if (alert.status === "resolved") return `Resolved${by(alert.resolved_by)}`;
  if (alert.status === "acknowledged") return `Acknowledged${by(alert.acknowledged_by)}`;
  return alert.escalation > 0 ? `Escalated ×${alert.escalation}` : "";
}
