// The SOS form that every signed-in user has, and following what one has reported.

import { announce, arrange, attribute, h, icon, text } from "../dom.js";
import { OVER, SEVERITIES, STEPS, TYPES, lasting, statusLabel, typeLabel } from "../emergencies.js";
import { ago, moment, words } from "../format.js";
import { time } from "../model.js";

const LOCATE_MS = 15_000;
const FOLLOWED = 10;
const LOOK_MS = 5000;
// The steps as somebody who waits for help reads them, short enough for a phone.
const SHORT = ["Sent", "Seen", "In hand", "Over"];

/** The form; `onSent(document)` gets what was taken. */
export function sosForm({ store, api, onSent }) {
  const types = TYPES.map(([value, label], index) => {
    const input = h("input", { type: "radio", name: "sos-type", value, required: true, checked: index === 0 });
    return h("label", { class: "sos-choice" }, input, h("span", {}, label));
  });
  const site = h("select", { id: "sos-site", required: true });
  const description = h("textarea", { id: "sos-description", required: true, maxlength: 2000, rows: 3, placeholder: "What happened, and where exactly?" });
  const severity = h("select", { id: "sos-severity" },
    h("option", { value: "" }, "As usual for this kind"),
    SEVERITIES.map((value) => h("option", { value }, words(value))));
  const lat = h("input", { id: "sos-lat", type: "text", inputmode: "decimal", autocomplete: "off" });
  const lng = h("input", { id: "sos-lng", type: "text", inputmode: "decimal", autocomplete: "off" });
  const where = h("p", { class: "sos-where", role: "status" });
  const locate = h("button", { type: "button", id: "sos-locate", class: "button", on: { click: () => find(true) } }, icon("place"), "Use my position");
  const typed = h("details", { class: "sos-typed" }, h("summary", {}, "Type the position"),
    h("div", { class: "sos-degrees" },
      h("label", { for: "sos-lat" }, "Latitude"), lat, h("label", { for: "sos-lng" }, "Longitude"), lng));
  const problem = h("p", { class: "form-error", role: "alert" });
  problem.hidden = true;
  const send = h("button", { type: "submit", id: "sos-send", class: "sos-button" }, icon("critical"), "Send SOS");
  // One key for each report: pressed twice, or sent again after a lost answer, it is still one report.
  let key = crypto.randomUUID();
  let position = null;
  let looking = false;
  let chosen = false;
  let busy = false;

  function drawSites(state) {
    const sites = [...state.sites].sort((a, b) => Number(b.kind === "temple") - Number(a.kind === "temple"));
    const wanted = sites.map((one) => one.slug).join();
    if ([...site.options].map((option) => option.value).join() !== wanted) {
      const held = site.value;
      arrange(site, sites.map((one) => h("option", { value: one.slug }, one.name)));
      if (chosen) site.value = held;
    }
    if (!chosen && state.site && sites.some((one) => one.slug === state.site)) site.value = state.site;
    drawWhere();
  }

  function drawWhere() {
    const name = site.selectedOptions[0]?.text ?? "the temple";
    if (lat.value.trim() || lng.value.trim()) text(where, "Position: as typed below.");
    else if (looking) text(where, "Looking for your position…");
    else if (position) text(where, `Position: yours, within about ${Math.max(5, Math.round(position.accuracy))} m.`);
    else text(where, `Position: that of ${name}. Say in words where you are.`);
  }

  function find(asked) {
    if (!navigator.geolocation || looking) {
      if (asked && !looking) text(where, "This browser gives no position. Say in words where you are, or type it.");
      return;
    }
    looking = true;
    drawWhere();
    navigator.geolocation.getCurrentPosition(
      ({ coords }) => {
        looking = false;
        position = { lat: coords.latitude, lng: coords.longitude, accuracy: coords.accuracy };
        drawWhere();
      },
      () => {
        looking = false;
        drawWhere();
        if (asked) text(where, "Your position is not to be had. Say in words where you are, or type it.");
      },
      { enableHighAccuracy: true, timeout: LOCATE_MS, maximumAge: 30_000 },
    );
  }

  function location() {
    if (lat.value.trim() || lng.value.trim()) {
      const degrees = (field) => {
        const value = Number(field.value.trim().replace(",", "."));
        return field.value.trim() === "" || Number.isNaN(value) ? field.value : value;
      };
      return { lat: degrees(lat), lng: degrees(lng) };
    }
    if (position) return { lat: position.lat, lng: position.lng, accuracy_m: position.accuracy };
    const own = store.state.sites.find((one) => one.slug === site.value);
    return own ? { lat: own.latitude, lng: own.longitude } : null;
  }

  // The server would take it and note that it is none; whoever types degrees has the time to mend them.
  function mistyped() {
    const at = location();
    if (!at) return null;
    const isWithin = (degrees, most) => typeof degrees === "number" && Math.abs(degrees) <= most;
    if (!isWithin(at.lat, 90)) return "Location: its lat must be a number from -90 to 90.";
    return isWithin(at.lng, 180) ? null : "Location: its lng must be a number from -180 to 180.";
  }

  async function submit(event) {
    event.preventDefault();
    if (busy) return;
    const wrong = mistyped();
    text(problem, wrong ?? "");
    problem.hidden = wrong === null;
    if (wrong) return;
    busy = true;
    attribute(send, "aria-busy", "true");
    problem.hidden = true;
    const body = {
      temple_id: site.value,
      type: form.querySelector("input[name='sos-type']:checked")?.value,
      description: description.value,
      location: location(),
      ...(severity.value ? { severity: severity.value } : {}),
    };
    try {
      const document = await api.post("/api/emergency/", body, { key });
      key = crypto.randomUUID();
      description.value = "";
      severity.value = "";
      lat.value = "";
      lng.value = "";
      drawWhere();
      announce("Your SOS was taken. The control room has it.");
      onSent(document);
    } catch (error) {
      // The same words sent again are the same report; other words under the same key would be refused.
      if (error.status === 422) key = crypto.randomUUID();
      const reasons = Object.entries(error.errors ?? {}).map(([field, why]) => `${words(field)}: ${[why].flat().join(", ")}`);
      text(problem, reasons.length ? `${reasons.join(". ")}.` : error.message);
      problem.hidden = false;
    } finally {
      busy = false;
      attribute(send, "aria-busy", null);
    }
  }

  const form = h("form", { class: "sos-form", on: { submit, input: drawWhere } },
    h("fieldset", { class: "sos-types" }, h("legend", {}, "What is it?"), ...types),
    h("div", { class: "field" }, h("label", { for: "sos-site" }, "Where"), site),
    h("div", { class: "field" }, h("label", { for: "sos-severity" }, "How serious"), severity),
    h("div", { class: "field field-wide" }, h("label", { for: "sos-description" }, "In your words"), description),
    h("div", { class: "sos-position field-wide" }, where, locate),
    h("div", { class: "field-wide" }, typed),
    problem, send);
  form.addEventListener("input", () => {
    key = crypto.randomUUID();
  });
  site.addEventListener("change", () => {
    chosen = true;
  });
  const unsubscribe = store.subscribe(["sites", "site"], drawSites);
  drawSites(store.state);
  // Where it was allowed before, nobody has to ask for it.
  navigator.permissions?.query({ name: "geolocation" }).then((permission) => permission.state === "granted" && find(false)).catch(() => {});
  return { element: form, leave: unsubscribe };
}

/** What one has reported, step by step. `follow(report)` adds one that was just sent. */
export function ownReports({ store, api, hub, serverNow }) {
  const list = h("ol", { class: "reports" });
  const none = h("p", { class: "empty" }, "Nothing reported by you.");
  const cards = new Map();
  const asking = new Map();
  let reports = new Map();
  let left = false;

  function draw() {
    const newest = [...reports.values()].sort((a, b) => (a.id < b.id ? 1 : -1)).slice(0, FOLLOWED);
    arrange(list, newest.map((report) => {
      if (!cards.has(report.id)) cards.set(report.id, reportCard(() => cancel(report.id)));
      const card = cards.get(report.id);
      card.draw(report, store.state, serverNow());
      return card.element;
    }));
    none.hidden = newest.length > 0;
  }

  function take(document) {
    const before = reports.get(document.id);
    reports.set(document.id, document);
    if (before && before.status !== document.status) {
      announce(`Your report is now ${statusLabel(document.status).toLowerCase()}.`);
    }
    draw();
  }

  async function load() {
    try {
      const page = await api.get(`/api/emergency/?limit=${FOLLOWED}`);
      if (left) return;
      reports = new Map(page.items.map((report) => [report.id, report]));
      draw();
    } catch {
      // The next connection of the feed asks again.
    }
  }

  /** Takes one back; what stands in the way, in words, where something does. */
  async function cancel(id) {
    try {
      take(await api.patch(`/api/emergency/${encodeURIComponent(id)}/cancel`, {}));
      return "";
    } catch (error) {
      refresh(id);
      return error.message;
    }
  }

  // Of an event the public gets the bare facts: what else has changed is asked for.
  async function refresh(id) {
    if (asking.has(id)) {
      asking.set(id, true);
      return;
    }
    asking.set(id, false);
    try {
      const document = await api.get(`/api/emergency/${encodeURIComponent(id)}`);
      if (!left) take(document);
    } catch {
      // As above.
    }
    const again = asking.get(id);
    asking.delete(id);
    if (again && !left) refresh(id);
  }

  const end = hub.on(["emergency", "open"], (data, kind) => {
    if (kind === "open") load();
    else if (data?.id && reports.has(data.id)) {
      take({ ...reports.get(data.id), status: data.status, severity: data.severity });
      refresh(data.id);
    }
  });
  const unsubscribe = store.subscribe(["tick"], () => {
    for (const card of cards.values()) card.tick(serverNow());
  });
  // Who was sent is nothing that the feed tells the public: while something is open it is asked for.
  const slow = setInterval(() => [...reports.values()].some((report) => !OVER.includes(report.status)) && load(), LOOK_MS);
  load();
  const title = h("h2", { id: "reports-title", tabindex: "-1" }, "My reports");
  const element = h("section", { class: "panel reports-panel", "aria-labelledby": "reports-title" },
    h("header", { class: "panel-head" }, title), none, list);
  return {
    element,
    follow: take,

    /** Leads there. */
    show() {
      element.scrollIntoView({ block: "start" });
      title.focus({ preventScroll: true });
    },

    leave() {
      left = true;
      end();
      unsubscribe();
      clearInterval(slow);
    },
  };
}

function reportCard(cancel) {
  const title = h("strong", {});
  const place = h("span", { class: "report-place" });
  const age = h("time", { class: "report-age" });
  const description = h("p", { class: "report-text" });
  const help = h("p", { class: "report-help" });
  const back = h("button", { type: "button", class: "button report-cancel" }, "Nobody need come…");
  let sure = false;
  // Asked twice: a thumb that slips calls nobody back.
  back.addEventListener("click", async () => {
    if (!sure) {
      sure = true;
      text(back, "Yes, cancel my report");
      return;
    }
    attribute(back, "aria-busy", "true");
    const problem = await cancel();
    attribute(back, "aria-busy", null);
    if (problem) text(help, problem);
  });
  const marks = STEPS.map(([key], index) => {
    const label = SHORT[index];
    const at = h("span", { class: "step-at" });
    return { key, at, element: h("li", { class: "step" }, h("span", { class: "step-mark" }, icon("check")), h("span", {}, label), at) };
  });
  const element = h("li", { class: "report" },
    h("div", { class: "report-head" }, title, place, age), description,
    h("ol", { class: "steps" }, marks.map((mark) => mark.element)), help, back);
  let at = 0;
  return {
    element,

    draw(report, state, now) {
      at = time(report.reported_at) ?? now;
      attribute(element, "data-status", report.status);
      attribute(element, "data-id", report.id);
      text(title, typeLabel(report.type));
      text(place, state.sites.find((one) => one.slug === report.temple_id)?.name ?? report.temple_id ?? "Place not known");
      text(description, report.description ?? "");
      attribute(age, "datetime", report.reported_at);
      attribute(age, "title", moment(at));
      const reached = STEPS.findIndex(([key]) => key === report.status);
      marks.forEach((mark, index) => {
        attribute(mark.element, "data-done", index <= reached || (reached < 0 && Boolean(report[`${mark.key}_at`])));
        attribute(mark.element, "aria-current", index === reached ? "step" : null);
        const when = time(report[`${mark.key}_at`]);
        text(mark.at, when === null ? "" : new Date(when).toLocaleTimeString(undefined, { hour: "2-digit", minute: "2-digit" }));
      });
      const coming = (report.resources ?? []).map((one) => words(one.type));
      back.hidden = report.status !== "reported" && report.status !== "acknowledged";
      if (report.status === "cancelled") text(help, "Cancelled by you.");
      else if (report.status === "false_alarm") text(help, "Closed by the control room as a false alarm. If you need help, send another.");
      else if (report.status === "resolved") text(help, `Over after ${lasting((time(report.resolved_at) ?? now) - at)}.`);
      else if (coming.length) text(help, `On the way: ${coming.join(", ")}.`);
      else if (report.status === "reported") text(help, "The control room has it. Stay where you are if that is safe.");
      else text(help, "The control room has seen it.");
      this.tick(now);
    },

    tick(now) {
      text(age, ago(now - at));
    },
  };
}
