// Darshan: a temple's slots on a day, a booking or a place on the waitlist, and one's own bookings with their tickets.

import { arrange, attribute, h, text } from "../dom.js";
import { dateAt, newNonce } from "../gate.js";
import { temple, temples } from "../model.js";
import { bookingCard, isAhead } from "./booking.js";

const REFRESH_MS = 10_000;
const AHEAD_DAYS = 120;
const FULLNESS = { full: "Full", past: "Past", closed: "Booking closed", not_open: "Not open yet" };
const BOOKABLE = ["available", "filling", "full"];

/** The page. */
export function darshanPage({ store, api, serverNow, toasts, hub }) {
  let site = null;
  let day = null;
  let picked = null;
  let left = false;
  // The wish that was sent last and the key that it was sent with: asked again, it is the same booking.
  let asked = { body: null, key: null };
  const slots = new Map();
  const cards = new Map();

  const picker = h("select", { id: "darshan-temple", on: { change: () => choose(picker.value) } });
  const date = h("input", { id: "darshan-date", type: "date", required: true, on: { change: () => loadDay() } });
  const note = h("p", { class: "darshan-note", role: "status" });
  const list = h("div", { class: "slots", role: "group", "aria-label": "Slots" });
  const form = bookingForm({ onSubmit: book });
  const mine = h("ul", { class: "tickets", id: "my-bookings" });
  const none = h("p", { class: "empty" }, "You have no bookings ahead.");
  const past = h("ul", { class: "past-bookings" });
  const earlier = h("details", { class: "earlier", hidden: true }, h("summary", {}, "Earlier bookings"), past);
  const element = h("div", { class: "page darshan" },
    h("section", { class: "panel darshan-book" },
      h("h2", {}, "Book darshan"),
      h("div", { class: "darshan-where" },
        h("div", { class: "field" }, h("label", { for: "darshan-temple" }, "Temple"), picker),
        h("div", { class: "field" }, h("label", { for: "darshan-date" }, "Date"), date)),
      note, list, form.element),
    h("section", { class: "panel darshan-mine" }, h("h2", {}, "My bookings"), mine, none, earlier));

  const nameOf = (slug) => store.state.sites.find((one) => one.slug === slug)?.name ?? slug;

  function choose(slug) {
    if (site?.slug === slug) return;
    site = store.state.sites.find((one) => one.slug === slug) ?? null;
    picker.value = slug;
    const today = dateAt(serverNow(), site.time_zone);
    date.min = today;
    date.max = dateAt(serverNow() + AHEAD_DAYS * 86_400_000, site.time_zone);
    if (!date.value || date.value < today) date.value = today;
    loadDay();
  }

  const unsubscribe = store.subscribe(["sites", "site"], (state) => {
    const all = temples(state);
    const listed = [...picker.options].map((option) => option.value).join();
    if (listed !== all.map((one) => one.slug).join()) {
      picker.replaceChildren(...all.map((one) => h("option", { value: one.slug }, one.name)));
      if (site) picker.value = site.slug;
    }
    // The site that is picked above wins when it is a temple.
    const wanted = all.find((one) => one.slug === state.site) ?? (site ? null : temple(state));
    if (wanted) choose(wanted.slug);
    else if (all.length === 0 && state.loaded) text(note, "There is no temple yet.");
  });

  function loadDay() {
    picked = null;
    form.hide();
    return refreshDay();
  }

  async function refreshDay() {
    if (!site || !date.value) return;
    const wanted = `${site.slug} ${date.value}`;
    try {
      const answer = await api.get(`/api/bookings/temple/${site.slug}/slots?date=${date.value}&limit=100`);
      if (left || wanted !== `${site.slug} ${date.value}`) return;
      day = answer;
      drawDay();
    } catch (error) {
      if (!left) text(note, error.message);
    }
  }

  function drawDay() {
    const words = day.closed ? "The temple is closed on this day" : day.items.length === 0 ? "There are no slots on this day" : day.special ? "Special day" : "";
    text(note, words && day.reason ? `${words}: ${day.reason}` : words);
    for (const key of [...slots.keys()]) {
      if (!day.items.some((one) => one.slot === key)) slots.delete(key);
    }
    for (const one of day.items) {
      if (!slots.has(one.slot)) slots.set(one.slot, slotButton(() => pick(one.slot)));
      slots.get(one.slot).draw(one, one.slot === picked);
    }
    arrange(list, day.items.map((one) => slots.get(one.slot).element));
    const slot = day.items.find((one) => one.slot === picked);
    if (slot) form.show(slot);
    else form.hide();
  }

  function pick(slot) {
    picked = slot;
    drawDay();
    form.focus();
  }

  async function book({ party, visitors, waits }) {
    const body = { temple_id: site.slug, date: date.value, slot: picked, party_size: party, visitors };
    const path = waits ? "/api/bookings/waitlist" : "/api/bookings/";
    const signature = path + JSON.stringify(body);
    if (asked.body !== signature) asked = { body: signature, key: newNonce() };
    try {
      const booking = await api.post(path, body, { key: asked.key });
      asked = { body: null, key: null };
      picked = null;
      form.hide();
      toasts.show({
        severity: "info",
        title: booking.status === "waitlisted" ? "You are on the waitlist" : "Booked",
        text: `${nameOf(booking.temple_id)}, ${booking.date}, ${booking.slot}: ${booking.booking_code}`,
      });
      await Promise.all([loadMine(), refreshDay()]);
      cards.get(booking.id)?.element.scrollIntoView({ block: "nearest" });
    } catch (error) {
      // Somebody was quicker: the places that are left say so.
      if (error.reason === "full" || error.reason === "places_left") await refreshDay();
      throw error;
    }
  }

  async function loadMine() {
    const bookings = await api.all("/api/bookings/my-bookings?limit=100", 300);
    if (left) return;
    const ahead = bookings.filter((one) => isAhead(one, serverNow())).sort((a, b) => (a.starts_at < b.starts_at ? -1 : 1));
    for (const key of [...cards.keys()]) {
      if (!ahead.some((one) => one.id === key)) cards.delete(key);
    }
    for (const one of ahead) {
      if (!cards.has(one.id)) cards.set(one.id, bookingCard({ templeName: nameOf, onCancel: cancel }));
      cards.get(one.id).draw(one, serverNow());
    }
    arrange(mine, ahead.map((one) => cards.get(one.id).element));
    none.hidden = ahead.length > 0;
    const before = bookings.filter((one) => !ahead.includes(one)).slice(0, 20);
    earlier.hidden = before.length === 0;
    past.replaceChildren(...before.map((one) => h("li", {},
      h("span", {}, `${nameOf(one.temple_id)}, ${one.date}, ${one.slot}`), h("span", { class: "past-status" }, one.status.replaceAll("_", " ")))));
  }

  async function cancel(booking) {
    await api.patch(`/api/bookings/${booking.id}/cancel`, {});
    await Promise.all([loadMine(), refreshDay()]);
  }

  const wake = () => {
    loadMine().catch((error) => text(none, error.message));
    refreshDay();
  };
  const unhook = hub.on(["open"], wake);
  const timer = setInterval(wake, REFRESH_MS);
  loadMine().catch((error) => text(none, error.message));
  return {
    element,
    leave() {
      left = true;
      unsubscribe();
      unhook();
      clearInterval(timer);
    },
  };
}

/** A slot that can be picked. */
function slotButton(onPick) {
  const time = h("span", { class: "slot-time" });
  const places = h("span", { class: "slot-left" });
  const fill = h("span", { class: "slot-fill" });
  const element = h("button", { type: "button", class: "slot-button", on: { click: onPick } },
    time, places, h("span", { class: "slot-bar", "aria-hidden": "true" }, fill));
  return {
    element,

    draw(slot, isPicked) {
      attribute(element, "data-slot", slot.slot);
      attribute(element, "data-status", slot.status);
      attribute(element, "aria-pressed", String(isPicked));
      element.disabled = !BOOKABLE.includes(slot.status);
      text(time, slot.slot.replace("-", "–"));
      const waiting = slot.waiting ? `, ${slot.waiting} waiting` : "";
      text(places, FULLNESS[slot.status] ? `${FULLNESS[slot.status]}${waiting}` : `${slot.left} of ${slot.capacity} left`);
      fill.style.inlineSize = `${Math.min(100, Math.round((100 * slot.booked) / slot.capacity))}%`;
    },
  };
}

/** Party, visitors, and the button that books or joins the waitlist. */
function bookingForm({ onSubmit }) {
  const title = h("h3", { class: "form-title" });
  const party = h("input", { id: "party", type: "number", min: "1", max: "10", value: "1", required: true, inputmode: "numeric" });
  const visitors = h("textarea", { id: "visitors", rows: "3", placeholder: "One name a line" });
  const error = h("p", { class: "form-error", role: "alert", hidden: true });
  const hint = h("p", { class: "form-hint" });
  const button = h("button", { type: "submit", class: "button button-main", id: "book" }, "Book");
  const element = h("form", { class: "booking-form", hidden: true, on: { submit } },
    title,
    h("div", { class: "field" }, h("label", { for: "party" }, "People"), party),
    h("div", { class: "field" }, h("label", { for: "visitors" }, "Their names (if you like)"), visitors),
    hint, error, button);
  let slot = null;
  party.addEventListener("input", draw);

  const waits = () => Number(party.value) > slot.left;

  function draw() {
    if (!slot) return;
    text(title, slot.slot.replace("-", "–"));
    text(button, waits() ? "Join the waitlist" : "Book");
    text(hint, waits() ? `${slot.left === 0 ? "The slot is full" : `Only ${slot.left} places are left`}. You move up by yourself when places come free.` : "");
    hint.hidden = hint.textContent === "";
  }

  async function submit(event) {
    event.preventDefault();
    error.hidden = true;
    button.disabled = true;
    try {
      const names = visitors.value.split("\n").map((name) => name.trim()).filter(Boolean);
      await onSubmit({ party: Number(party.value), visitors: names, waits: waits() });
      visitors.value = "";
      party.value = "1";
    } catch (refusal) {
      const reasons = Object.entries(refusal.errors).map(([field, why]) => `${field.replaceAll("_", " ")} ${why.join(", ")}`);
      text(error, reasons.length ? `${reasons.join("; ")}.` : refusal.message);
      error.hidden = false;
    } finally {
      button.disabled = false;
    }
  }

  return {
    element,
    show(shown) {
      if (slot?.slot !== shown.slot) error.hidden = true;
      slot = shown;
      element.hidden = false;
      draw();
    },
    hide() {
      slot = null;
      element.hidden = true;
    },
    focus() {
      element.scrollIntoView({ block: "nearest" });
      party.focus({ preventScroll: true });
    },
  };
}
