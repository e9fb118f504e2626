// The SOS board: what waits for an answer, what is in hand, what is over; the gravest first, each with what can be done about it.

import { announce, arrange, attribute, h, icon, text } from "../dom.js";
import { OVER, chosenTemple, distance, gravestFirst, lasting, statusLabel, typeLabel } from "../emergencies.js";
import { moment, words } from "../format.js";
import { time } from "../model.js";

const ICON_OF = { critical: "critical", high: "warning", medium: "warning", low: "info" };
const NEXT = { reported: ["acknowledge", "Acknowledge"], acknowledged: ["in-progress", "In progress"] };

/** Moves cards and leaves the focus on the one that has it. */
function arrangeKeeping(parent, children) {
  const held = parent.contains(document.activeElement) ? document.activeElement : null;
  arrange(parent, children);
  if (held && held !== document.activeElement && held.isConnected) held.focus({ preventScroll: true });
}

/** The board. `show(id)` leads to one emergency. */
export function sosBoard({ store, api, toasts, serverNow, emergencies, chooseSite }) {
  const cards = new Map();
  const column = (key, title, empty) => {
    const list = h("ul", { class: "sos-list", id: `sos-${key}` });
    const none = h("p", { class: "empty" }, empty);
    const count = h("span", { class: "count" });
    const heading = h("h2", { id: `sos-${key}-title`, tabindex: "-1" }, title, " ", count);
    const element = h("section", { class: "panel sos-column", "data-column": key, "aria-labelledby": `sos-${key}-title` },
      h("header", { class: "panel-head" }, heading), none, list);
    return { list, none, count, heading, element };
  };
  const waiting = column("waiting", "Waiting for an answer", "Nobody is waiting.");
  const hand = column("hand", "In hand", "Nothing is in hand.");
  const overList = h("ul", { class: "sos-list" });
  const overSummary = h("summary", {}, "Over");
  const elsewhere = h("button", { type: "button", class: "button sos-elsewhere", on: { click: () => chooseSite(null) } });
  waiting.element.append(elsewhere);
  const over = h("details", { class: "past sos-over" }, overSummary, overList);

  function cardOf(emergency) {
    if (!cards.has(emergency.id)) cards.set(emergency.id, emergencyCard({ store, api, toasts, emergencies }, emergency.id));
    const card = cards.get(emergency.id);
    card.draw(emergency, serverNow());
    return card.element;
  }

  function draw() {
    const site = chosenTemple(store.state);
    const all = [...emergencies.known.values()];
    // One of which nobody knows where it is is everybody's.
    const shown = all.filter((one) => !site || !one.temple_id || one.temple_id === site);
    const others = all.filter((one) => one.status === "reported" && !shown.includes(one)).length;
    text(elsewhere, others === 0 ? "" : `${others} more ${others === 1 ? "waits" : "wait"} at other temples: show all`);
    elsewhere.hidden = others === 0;
    const of = (...statuses) => shown.filter((one) => statuses.includes(one.status));
    for (const [part, list] of [[waiting, of("reported")], [hand, of("acknowledged", "in_progress")]]) {
      arrangeKeeping(part.list, gravestFirst(list).map(cardOf));
      part.none.hidden = list.length > 0;
      text(part.count, list.length || "");
      part.count.hidden = list.length === 0;
    }
    attribute(waiting.count, "data-severity", "critical");
    const past = of(...OVER).sort((a, b) => (a.id < b.id ? 1 : -1));
    arrange(overList, past.map(cardOf));
    text(overSummary, `Over (${past.length})`);
    over.hidden = past.length === 0;
    for (const id of [...cards.keys()]) {
      if (!emergencies.known.has(id)) cards.delete(id);
    }
    if (!emergencies.loaded()) text(waiting.none, "Loading…");
    else text(waiting.none, "Nobody is waiting.");
  }

  const ends = [
    emergencies.subscribe((arrived) => {
      draw();
      if (arrived) cards.get(arrived.id)?.flash();
    }),
    store.subscribe(["site", "sites"], draw),
    store.subscribe(["tick"], () => {
      for (const card of cards.values()) card.tick(serverNow());
    }),
  ];
  const element = h("div", { class: "sos-board" }, waiting.element, hand.element, over);
  return {
    element,

    show(id) {
      const card = cards.get(id)?.element;
      card?.scrollIntoView({ block: "center" });
      card?.focus({ preventScroll: true });
    },

    leave: () => ends.forEach((end) => end()),
  };
}

function emergencyCard({ store, api, toasts, emergencies }, id) {
  const path = `/api/emergency/${encodeURIComponent(id)}`;
  const severity = h("span", { class: "sos-severity" });
  const kind = h("strong", { class: "sos-kind" });
  const age = h("time", { class: "sos-age" });
  const place = h("span", {});
  const degrees = h("span", { class: "sos-at" });
  const climbed = h("span", { class: "sos-climbed" });
  const description = h("p", { class: "sos-text" });
  const who = h("p", { class: "sos-who" });
  const sent = h("ul", { class: "sos-sent", "aria-label": "Assigned" });
  const step = h("button", { type: "button", class: "button button-main sos-next" });
  const choose = h("button", { type: "button", class: "button sos-choose", "aria-expanded": "false" }, "Who goes?");
  const resolve = h("button", { type: "button", class: "button sos-resolve", "aria-expanded": "false" }, icon("check"), "Resolve…");
  const dismiss = h("button", { type: "button", class: "button sos-dismiss", "aria-expanded": "false" }, icon("close"), "False alarm…");
  const buttons = h("div", { class: "sos-buttons" }, step, choose, resolve, dismiss);
  const suggestions = h("ul", { class: "sos-suggestions" });
  const suggestionsNone = h("p", { class: "sos-none" });
  const offered = h("div", { class: "sos-offered" }, suggestionsNone, suggestions);
  const note = h("textarea", { rows: 2, maxlength: 2000, id: `note-${id}` });
  const noteLabel = h("label", { for: `note-${id}` });
  const noteSend = h("button", { type: "submit", class: "button button-main" });
  const noteForm = h("form", { class: "sos-note" }, noteLabel, note, noteSend);
  // How the note ends it: as resolved, or as a false alarm.
  let ending = null;
  offered.hidden = true;
  noteForm.hidden = true;
  const element = h("li", { class: "sos-card", id: `sos-${id}`, tabindex: "-1", "data-id": id },
    h("div", { class: "sos-head" }, severity, kind, age),
    h("p", { class: "sos-place" }, place, degrees, climbed),
    description, who, sent, buttons, offered, noteForm);
  let drawn = null;
  let at = 0;
  let until = null;
  let busy = false;
  let asked = false;

  async function act(verb, body, done) {
    if (busy) return false;
    busy = true;
    for (const button of element.querySelectorAll("button")) attribute(button, "aria-busy", "true");
    try {
      emergencies.take(await api.patch(`${path}/${verb}`, body));
      announce(done);
      return true;
    } catch (error) {
      // Somebody else was first: how it stands now is asked for.
      if (error.status !== 401) toasts.show({ severity: "warning", title: "Nothing was changed", text: error.message });
      if (error.status === 409) {
        api.get(path).then((document) => emergencies.take(document)).catch(() => {});
        if (!offered.hidden) suggest();
      }
      return false;
    } finally {
      busy = false;
      for (const button of element.querySelectorAll("button")) attribute(button, "aria-busy", null);
    }
  }

  async function suggest() {
    text(suggestionsNone, suggestions.children.length ? "" : "Looking for who is free…");
    try {
      const { items } = await api.get(`${path}/suggestions`);
      arrange(suggestions, items.slice(0, 5).map((one, index) => h("li", { class: "sos-suggestion", "data-best": index === 0 },
        h("span", { class: "sos-name" }, h("strong", {}, one.name), ` ${words(one.type)}`),
        h("span", { class: "sos-distance" }, distance(one.distance_m, one.distance_approximate)),
        one.contact ? h("span", { class: "sos-contact" }, one.contact) : null,
        h("button", { type: "button", class: "button", "aria-label": `Assign ${one.name}`, "data-assign": one.resource_id,
          on: { click: () => assign(one) } }, "Assign"))));
      text(suggestionsNone, items.length ? "" : "Nobody is free at this temple.");
    } catch (error) {
      text(suggestionsNone, error.message);
    }
    suggestionsNone.hidden = suggestionsNone.textContent === "";
  }

  async function assign(one) {
    if (await act("assign", { resource_id: one.resource_id }, `${one.name} is assigned.`)) {
      await suggest();
      (suggestions.querySelector("button") ?? choose).focus();
    }
  }

  function open(part, toggle, wanted) {
    part.hidden = !wanted;
    attribute(toggle, "aria-expanded", String(wanted));
  }

  step.addEventListener("click", async () => {
    const [verb, label] = NEXT[drawn.status] ?? [];
    if (!verb) return;
    if (await act(verb, {}, `${label}: done.`)) {
      element.focus({ preventScroll: false });
      if (verb === "acknowledge") {
        open(offered, choose, true);
        suggest();
      }
    }
  });
  choose.addEventListener("click", () => {
    open(offered, choose, offered.hidden);
    if (!offered.hidden) suggest();
  });
  const ENDINGS = {
    resolve: { toggle: resolve, label: "How it ended (others may read it later)", send: [icon("check"), "Resolve"], field: "resolution", done: "Resolved." },
    "false-alarm": {
      toggle: dismiss, label: "Why it is none (others may read it later)", send: [icon("close"), "Close as false alarm"], field: "reason",
      done: "Closed as a false alarm.",
    },
  };
  function end(verb) {
    const wanted = ending !== verb;
    for (const { toggle } of Object.values(ENDINGS)) attribute(toggle, "aria-expanded", "false");
    ending = wanted ? verb : null;
    noteForm.hidden = !wanted;
    if (!wanted) return;
    attribute(ENDINGS[verb].toggle, "aria-expanded", "true");
    text(noteLabel, ENDINGS[verb].label);
    arrange(noteSend, ENDINGS[verb].send);
    note.focus();
  }
  resolve.addEventListener("click", () => end("resolve"));
  dismiss.addEventListener("click", () => end("false-alarm"));
  noteForm.addEventListener("submit", async (event) => {
    event.preventDefault();
    const { field, done } = ENDINGS[ending];
    const words = note.value.trim();
    if (await act(ending, words ? { [field]: words } : {}, done)) note.value = "";
  });

  /** Who reported it, and how to reach them: only the document of one tells. */
  async function ask() {
    asked = true;
    try {
      const { reporter } = await api.get(path);
      text(who, ["Reported by", [reporter?.name ?? "a device", reporter?.phone].filter(Boolean).join(", ")].join(" "));
      if (reporter?.phone) attribute(who, "data-phone", reporter.phone);
    } catch {
      asked = false;
    }
  }

  return {
    element,

    draw(emergency, now) {
      if (drawn === emergency) return;
      drawn = emergency;
      at = time(emergency.reported_at) ?? now;
      until = time(emergency.resolved_at ?? emergency.closed_at);
      attribute(element, "data-severity", emergency.severity);
      attribute(element, "data-status", emergency.status);
      arrange(severity, [icon(ICON_OF[emergency.severity] ?? "info", "severity-icon"), words(emergency.severity)]);
      text(kind, typeLabel(emergency.type) + (emergency.reported_type ? ` (${emergency.reported_type})` : ""));
      const name = store.state.sites.find((one) => one.slug === emergency.temple_id)?.name ?? emergency.temple_id ?? "Place not known";
      text(place, [name, emergency.place].filter(Boolean).join(": "));
      const { location } = emergency;
      const hint = emergency.location_approximate ? " (approximate)" : "";
      text(degrees, location ? `${location.lat.toFixed(5)}, ${location.lng.toFixed(5)}${hint}` : "No position");
      text(climbed, emergency.escalation > 0 && emergency.status === "reported" ? `Escalated ×${emergency.escalation}` : "");
      text(description, emergency.description ?? "");
      attribute(age, "datetime", emergency.reported_at);
      attribute(age, "title", moment(at));
      const label = statusLabel(emergency.status);
      attribute(element, "aria-label", `${words(emergency.severity)}, ${typeLabel(emergency.type)}, ${label}`);
      arrange(sent, (emergency.resources ?? []).filter((one) => !one.released_at).map((one) => h("li", { class: "sos-crew" },
        icon("check"), `${one.name}`,
        h("button", { type: "button", class: "button button-quiet", "aria-label": `Release ${one.name}`, title: `Release ${one.name}`,
          on: { click: () => act("release", { resource_id: one.resource_id }, `${one.name} is free again.`) } }, icon("close")))));
      sent.hidden = sent.children.length === 0;
      const next = NEXT[emergency.status];
      step.hidden = !next;
      if (next) text(step, next[1]);
      resolve.hidden = emergency.status !== "in_progress";
      const isOver = OVER.includes(emergency.status);
      buttons.hidden = isOver;
      if (ending && (isOver || (ending === "resolve" && emergency.status !== "in_progress"))) end(ending);
      if (isOver) {
        open(offered, choose, false);
        const outcome = emergency.status === "resolved" ? null : label;
        text(who, [outcome, emergency.resolution].filter(Boolean).join(": "));
      } else if (!asked) {
        ask();
      }
      who.hidden = isOver && !who.textContent;
      this.tick(now);
    },

    tick(now) {
      text(age, until === null ? lasting(now - at) : `took ${lasting(until - at)}`);
    },

    /** Draws the eye to what has just come in. */
    flash() {
      attribute(element, "data-new", true);
      setTimeout(() => attribute(element, "data-new", null), 6000);
    },
  };
}
