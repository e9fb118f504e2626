// Broadcasts: what everybody is told now, and for operators the form that tells them, with what was told before.

import { announce, arrange, attribute, h, icon, text } from "../dom.js";
import { chosenTemple } from "../emergencies.js";
import { ago, moment, words } from "../format.js";
import { time } from "../model.js";

const SEVERITIES = [
  ["info", "Information"],
  ["warning", "Warning"],
  ["critical", "Critical"],
];
const LASTS = [
  [30, "30 minutes"],
  [60, "1 hour"],
  [120, "2 hours"],
  [360, "6 hours"],
  [1440, "24 hours"],
  [0, "Until somebody ends it"],
];
const MOST = 200;
const PAST = 20;

/** The page. */
export function broadcastsPage(context) {
  const { store, api, hub, serverNow, toasts } = context;
  const { operator } = store.state;
  const known = new Map();
  const past = new Map();
  const cards = new Map();
  const list = h("ul", { class: "casts" });
  const none = h("p", { class: "empty" }, "Loading…");
  const pastList = h("ul", { class: "casts" });
  const pastSummary = h("summary", {}, "Told before");
  const history = h("details", { class: "past casts-past" }, pastSummary, pastList);
  let loaded = false;
  let left = false;

  const inForce = (alert, now) => alert.status !== "resolved" && (!alert.expires_at || (time(alert.expires_at) ?? 0) > now);

  function cardOf(alert) {
    if (!cards.has(alert.id)) cards.set(alert.id, castCard(context, alert.id, take));
    const card = cards.get(alert.id);
    card.draw(alert, serverNow());
    return card.element;
  }

  function draw() {
    const now = serverNow();
    const site = chosenTemple(store.state);
    const concerns = (alert) => !site || !alert.site || alert.site === site;
    const newest = (alerts) => [...alerts].sort((a, b) => (a.id < b.id ? 1 : -1));
    const rank = (alert) => -SEVERITIES.findIndex(([key]) => key === alert.severity);
    const now_ = newest(known.values()).filter((alert) => inForce(alert, now) && concerns(alert)).sort((a, b) => rank(a) - rank(b));
    const held = list.contains(document.activeElement) ? document.activeElement : null;
    arrange(list, now_.map(cardOf));
    if (held?.isConnected && held !== document.activeElement) held.focus({ preventScroll: true });
    none.hidden = now_.length > 0;
    text(none, loaded ? "Nothing is announced at the moment." : "Loading…");
    const over = newest([...new Map([...past, ...known]).values()]).filter((alert) => !inForce(alert, now) && concerns(alert)).slice(0, PAST);
    arrange(pastList, over.map(cardOf));
    text(pastSummary, `Told before (${over.length})`);
    history.hidden = over.length === 0;
  }

  function take(alert) {
    const before = known.get(alert.id);
    if (before?.updated_at && alert.updated_at && time(before.updated_at) > time(alert.updated_at)) return;
    known.set(alert.id, { ...before, ...alert });
    draw();
  }

  async function load() {
    try {
      const [now, before] = await Promise.all([
        api.get(`/api/alerts/active?is_public=true&limit=${MOST}`),
        operator ? api.get(`/api/alerts/?alert_type=broadcast&status=resolved&limit=${PAST}`) : { items: [] },
      ]);
      if (left) return;
      known.clear();
      past.clear();
      for (const alert of now.items) known.set(alert.id, alert);
      for (const alert of before.items) past.set(alert.id, alert);
      loaded = true;
      draw();
    } catch {
      // The next connection of the feed asks again.
    }
  }

  const ends = [
    hub.on(["alert", "alert_deleted", "open"], (alert, kind) => {
      if (kind === "open") load();
      else if (kind === "alert_deleted") known.delete(alert?.id) && draw();
      // Visitors hear only what is public; of operators' fuller documents it is said.
      else if (alert?.id && (alert.is_public ?? true)) take(alert);
      else if (alert?.id && known.delete(alert.id)) draw();
    }),
    store.subscribe(["site", "sites"], draw),
    store.subscribe(["tick"], () => {
      const now = serverNow();
      if ([...list.children].some((card) => card.dataset.until && Number(card.dataset.until) <= now)) draw();
      for (const card of cards.values()) card.tick(now);
    }),
  ];
  load();
  const form = operator ? castForm({ store, api, toasts, serverNow, onSent: take }) : null;
  return {
    element: h("div", { class: operator ? "page casts-page" : "page casts-page casts-alone" },
      h("section", { class: "panel", "aria-labelledby": "casts-title" },
        h("header", { class: "panel-head" }, h("h2", { id: "casts-title", tabindex: "-1" }, "In force")), none, list, history),
      form?.element),
    leave() {
      left = true;
      ends.forEach((end) => end());
      form?.leave();
    },
  };
}

function castCard({ store, api, toasts }, id, take) {
  const severity = h("span", { class: "severity" });
  const place = h("span", { class: "cast-place" });
  const age = h("time", { class: "alert-age" });
  const message = h("p", { class: "cast-message" });
  const ends = h("span", { class: "cast-ends" });
  const step = h("span", { class: "alert-step" });
  const acknowledge = h("button", { type: "button", class: "button", on: { click: () => act("acknowledge", "Noted.") } }, "Seen");
  const end = h("button", { type: "button", class: "button", on: { click: () => act("resolve", "Ended.") } }, "End now");
  const buttons = h("div", { class: "alert-buttons" }, acknowledge, end);
  const element = h("li", { class: "alert cast", id: `cast-${id}`, tabindex: "-1" },
    h("div", { class: "alert-head" }, severity, place, age), message,
    h("div", { class: "alert-foot" }, h("p", { class: "alert-where" }, ends, step), store.state.operator ? buttons : null));
  let drawn = null;
  let at = 0;

  async function act(verb, done) {
    try {
      take(await api.patch(`/api/alerts/${encodeURIComponent(id)}/${verb}`));
      announce(done);
      document.getElementById("casts-title")?.focus();
    } catch (error) {
      if (error.status !== 401) toasts.show({ severity: "warning", title: "Nothing was changed", text: error.message });
    }
  }

  return {
    element,

    draw(alert, now) {
      if (drawn !== alert) {
        drawn = alert;
        at = time(alert.timestamp) ?? now;
        attribute(element, "data-severity", alert.severity);
        attribute(element, "data-until", time(alert.expires_at));
        arrange(severity, [icon(SEVERITIES.some(([key]) => key === alert.severity) ? alert.severity : "info", "severity-icon"), words(alert.severity)]);
        const site = store.state.sites.find((one) => one.slug === alert.site)?.name ?? alert.site;
        text(place, [site ?? "Everywhere", ...(alert.zones ?? []).map(words)].join(" · "));
        text(message, alert.message);
        attribute(age, "datetime", alert.timestamp);
        attribute(age, "title", moment(at));
        const by = alert.acknowledged_by === store.state.user.id ? " by you" : "";
        text(step, alert.status === "acknowledged" && store.state.operator ? `Seen${by}` : "");
      }
      this.tick(now);
    },

    tick(now) {
      if (!drawn) return;
      const until = time(drawn.expires_at);
      const over = drawn.status === "resolved" || (until !== null && until <= now);
      attribute(element, "data-status", over ? "resolved" : "active");
      acknowledge.hidden = over || drawn.status !== "active";
      buttons.hidden = over;
      text(age, ago(now - at));
      text(ends, over ? "Over" : until === null ? "Until it is ended" : `Ends in ${left(until - now)}`);
    },
  };
}

/** How long is left, in words. */
function left(ms) {
  const minutes = Math.ceil(ms / 60_000);
  if (minutes <= 1) return `${Math.max(0, Math.ceil(ms / 1000))} s`;
  return minutes < 120 ? `${minutes} min` : `${Math.floor(minutes / 60)} h ${minutes % 60 ? `${minutes % 60} min` : ""}`.trim();
}

function castForm({ store, api, toasts, serverNow, onSent }) {
  const site = h("select", { id: "cast-site" });
  const zones = h("div", { class: "cast-zones" });
  const zonesField = h("fieldset", { class: "field-wide cast-zones-field" }, h("legend", {}, "Zones (none: all of it)"), zones);
  const severity = SEVERITIES.map(([value, label], index) => h("label", { class: "sos-choice", "data-severity": value },
    h("input", { type: "radio", name: "cast-severity", value, checked: index === 0 }), h("span", {}, label)));
  const message = h("textarea", { id: "cast-message", rows: 3, maxlength: 500, required: true });
  const lasts = h("select", { id: "cast-lasts" }, LASTS.map(([minutes, label]) => h("option", { value: minutes, selected: minutes === 120 }, label)));
  const problem = h("p", { class: "form-error", role: "alert" });
  problem.hidden = true;
  const send = h("button", { type: "submit", id: "cast-send", class: "button button-main" }, icon("megaphone"), "Announce");
  let key = crypto.randomUUID();
  let asked = null;
  let busy = false;

  async function drawZones() {
    const slug = site.value;
    if (asked === slug) return;
    asked = slug;
    zonesField.hidden = slug === "";
    arrange(zones, []);
    if (slug === "") return;
    try {
      const { items } = await api.get(`/api/sites/${encodeURIComponent(slug)}/zones?limit=100`);
      if (asked !== slug) return;
      arrange(zones, items.map((zone) => h("label", { class: "sos-choice" },
        h("input", { type: "checkbox", name: "cast-zone", value: zone.code }), h("span", {}, zone.name))));
    } catch {
      asked = null;
    }
  }

  function drawSites(state) {
    const temples = state.sites.filter((one) => one.kind === "temple");
    const sites = [...temples, ...state.sites.filter((one) => one.kind !== "temple")];
    if ([...site.options].map((option) => option.value).join() !== ["", ...sites.map((one) => one.slug)].join()) {
      const held = site.value;
      arrange(site, [h("option", { value: "" }, "Everywhere"), ...sites.map((one) => h("option", { value: one.slug }, one.name))]);
      site.value = held || (sites.some((one) => one.slug === state.site) ? state.site : temples[0]?.slug ?? "");
    }
    drawZones();
  }

  async function submit(event) {
    event.preventDefault();
    if (busy) return;
    busy = true;
    attribute(send, "aria-busy", "true");
    problem.hidden = true;
    const chosen = [...zones.querySelectorAll("input:checked")].map((input) => input.value);
    const minutes = Number(lasts.value);
    const body = {
      severity: form.querySelector("input[name='cast-severity']:checked").value,
      message: message.value,
      is_public: true,
      ...(site.value ? { site: site.value } : {}),
      ...(chosen.length ? { zones: chosen } : {}),
      ...(minutes ? { expires_at: new Date(serverNow() + minutes * 60_000).toISOString() } : {}),
    };
    try {
      const alert = await api.post("/api/alerts/", body, { key });
      key = crypto.randomUUID();
      message.value = "";
      for (const input of zones.querySelectorAll("input:checked")) input.checked = false;
      announce("Announced.");
      onSent(alert);
    } catch (error) {
      if (error.status === 422) key = crypto.randomUUID();
      const reasons = Object.entries(error.errors ?? {}).map(([field, why]) => `${words(field)}: ${[why].flat().join(", ")}`);
      text(problem, reasons.length ? `${reasons.join(". ")}.` : error.message);
      problem.hidden = false;
      if (!error.status) toasts.show({ severity: "warning", title: "Not announced yet", text: error.message });
    } finally {
      busy = false;
      attribute(send, "aria-busy", null);
    }
  }

  const form = h("form", { class: "sos-form cast-form", on: { submit } },
    h("div", { class: "field" }, h("label", { for: "cast-site" }, "To"), site),
    h("div", { class: "field" }, h("label", { for: "cast-lasts" }, "For"), lasts),
    zonesField,
    h("fieldset", { class: "sos-types cast-severities" }, h("legend", {}, "How serious"), ...severity),
    h("div", { class: "field field-wide" }, h("label", { for: "cast-message" }, "Message"), message),
    h("p", { class: "cast-hint field-wide" }, "Everybody sees it at once. A critical one also goes to the staff's phones."),
    problem, send);
  // Another message is another announcement.
  form.addEventListener("input", () => {
    key = crypto.randomUUID();
  });
  site.addEventListener("change", drawZones);
  const unsubscribe = store.subscribe(["sites", "site"], drawSites);
  drawSites(store.state);
  return {
    element: h("section", { class: "panel cast-panel", "aria-labelledby": "cast-title" },
      h("header", { class: "panel-head" }, h("h2", { id: "cast-title" }, "Announce")), form),
    leave: unsubscribe,
  };
}
