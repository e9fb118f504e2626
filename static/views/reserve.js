// Reserving a spot: a period, the plan with what is free then, the plate; and the reservations one has.

import { announce, arrange, attribute, h, text } from "../dom.js";
import { KINDS, words } from "../format.js";
import { zoneKey, zonesWithSpots } from "../model.js";
import { countdown, fromField, isExpired, money, nextPeriod, ownersMoves, period, periodProblem, reservationState, toField } from "../reservations.js";
import { hold, move } from "./bays.js";
import { paymentDialog } from "./payment.js";
import { bay } from "./spot.js";

const PLATE_KEY = "gatehouse.plate";

/** The page. */
export function reservePage(context) {
  const { store, api, serverNow, hub } = context;
  const mine = myReservations(context, (reservation) => payment.pay(reservation));
  const payment = paymentDialog({ api, serverNow, onPaid: () => mine.load() });
  const begin = nextPeriod(serverNow());
  const from = h("input", { type: "datetime-local", id: "reserve-from", required: true, value: toField(begin.start) });
  const to = h("input", { type: "datetime-local", id: "reserve-to", required: true, value: toField(begin.end) });
  const kind = h("select", { id: "reserve-kind" }, h("option", { value: "" }, "Any kind"), Object.entries(KINDS).map(([value, label]) => h("option", { value }, label)));
  const search = h("button", { type: "submit", class: "button button-main" }, "Show free spots");
  const problem = h("p", { class: "form-error", role: "alert", hidden: true });
  const found = h("p", { class: "found", role: "status" });
  const zones = h("div", { class: "zones" });
  const plate = h("input", { id: "reserve-plate", autocomplete: "off", autocapitalize: "characters", required: true, maxlength: "20", value: localStorage.getItem(PLATE_KEY) ?? "" });
  const chosenName = h("strong", {});
  const chosenPrice = h("span", { class: "price" });
  const reserve = h("button", { type: "submit", class: "button button-main" }, "Reserve");
  const chosen = h("form", { class: "panel chosen", hidden: true, on: { submit: book } },
    h("div", { class: "chosen-words" }, chosenName, chosenPrice),
    h("label", { for: "reserve-plate" }, "Number plate"), plate, reserve);
  let available = new Map();
  let asked = null;
  let picked = null;
  let searches = 0;
  let key = null;

  function refuse(message) {
    problem.hidden = !message;
    text(problem, message ?? "");
  }

  async function find(event) {
    event?.preventDefault();
    const [start, end] = [fromField(from.value), fromField(to.value)];
    const wrong = periodProblem(start, end);
    refuse(wrong);
    if (wrong) return;
    searches += 1;
    const turn = searches;
    attribute(search, "aria-busy", "true");
    const query = new URLSearchParams({ from: new Date(start).toISOString(), to: new Date(end).toISOString(), limit: "500" });
    if (store.state.site) query.set("site", store.state.site);
    if (kind.value) query.set("kind", kind.value);
    try {
      const spots = await api.all(`/api/spots/available?${query}`);
      if (turn !== searches) return;
      asked = { start, end };
      available = new Map(spots.map((spot) => [spot.spot_id, spot]));
      pick(available.has(picked) ? picked : null);
      draw();
      const best = spots.length ? "" : " Try another time.";
      text(found, `${spots.length} ${spots.length === 1 ? "spot is" : "spots are"} free then.${best}`);
    } catch (error) {
      if (turn === searches) refuse(error.message);
    } finally {
      if (turn === searches) attribute(search, "aria-busy", null);
    }
  }

  /** The plan of the period: what can be had is free, the rest is not, whatever stands there now. */
  function draw() {
    const shown = zonesWithSpots(store.state);
    arrange(zones, shown.map((zone) => {
      const bays = zone.spots.map((spot) => {
        const free = available.has(spot.spot_id);
        const one = bay(spot);
        const closed = spot.status === "out_of_service";
        one.draw({ ...spot, status: free ? "free" : closed ? "out_of_service" : "occupied" }, null);
        attribute(one.element, "aria-disabled", free ? null : "true");
        attribute(one.element, "aria-pressed", String(spot.spot_id === picked));
        attribute(one.element, "title", `${spot.spot_id} · ${free ? "free then" : closed ? "out of service" : "taken then"} · ${KINDS[spot.kind] ?? spot.kind}`);
        attribute(one.element, "aria-label", `${spot.spot_id}, ${free ? "free then" : "not free then"}, ${KINDS[spot.kind] ?? spot.kind}`);
        return one.element;
      });
      const count = zone.spots.filter((spot) => available.has(spot.spot_id)).length;
      const grid = h("div", { class: "bays", role: "group", "aria-label": `Spots of ${zone.name}` }, bays);
      grid.addEventListener("keydown", (event) => move(event, grid));
      hold(grid, bays.find((element) => element.dataset.spot === picked) ?? bays[0]);
      grid.addEventListener("click", (event) => {
        const element = event.target.closest(".bay");
        if (!element || element.hasAttribute("aria-disabled")) return;
        hold(grid, element);
        pick(element.dataset.spot);
      });
      return h("article", { class: "zone panel", "data-zone": zoneKey(zone) },
        h("header", { class: "zone-head" },
          h("div", { class: "zone-name" }, h("h3", {}, zone.name)),
          h("p", { class: "zone-count" }, h("strong", { class: "zone-free" }, String(count)), ` of ${zone.spots.length} free`)),
        grid);
    }));
  }

  function pick(spotId) {
    picked = spotId;
    key = null;
    for (const element of zones.querySelectorAll(".bay")) attribute(element, "aria-pressed", String(element.dataset.spot === picked));
    const spot = available.get(picked);
    chosen.hidden = !spot;
    if (!spot) return;
    text(chosenName, `${spot.spot_id} · ${KINDS[spot.kind] ?? spot.kind}`);
    text(chosenPrice, money(spot.price, spot.currency));
    announce(`${spot.spot_id} chosen`);
  }

  async function book(event) {
    event.preventDefault();
    if (!picked || reserve.hasAttribute("aria-busy")) return;
    attribute(reserve, "aria-busy", "true");
    refuse(null);
    // Kept until it is answered: sent again after a lost answer, it is still one reservation.
    key ??= crypto.randomUUID();
    try {
      localStorage.setItem(PLATE_KEY, plate.value);
      const body = {
        spot_id: picked, start: new Date(asked.start).toISOString(), end: new Date(asked.end).toISOString(), vehicle_plate: plate.value,
      };
      const made = await api.post("/api/reservations", body, { key });
      pick(null);
      await Promise.all([mine.load(), find()]);
      announce(`${made.spot_id} is ${words(made.status).toLowerCase()}`);
      if (made.status === "pending_payment") await payment.pay(made);
    } catch (error) {
      refuse(error.message);
      if (error.status === 409) {
        pick(null);
        find().then(() => refuse(error.message));
      } else if (error.status !== 0) {
        key = null;
      }
    } finally {
      attribute(reserve, "aria-busy", null);
    }
  }

  const form = h("form", { class: "panel period-form", on: { submit: find } },
    h("div", { class: "field" }, h("label", { for: "reserve-from" }, "From"), from),
    h("div", { class: "field" }, h("label", { for: "reserve-to" }, "To"), to),
    h("div", { class: "field" }, h("label", { for: "reserve-kind" }, "Kind"), kind),
    search);
  const unsubscribe = store.subscribe(["site", "loaded"], (state) => {
    if (state.loaded) find();
  });
  const off = hub.on(["open"], () => mine.load());
  mine.load();
  const timer = setInterval(mine.tick, 1000);
  const element = h("div", { class: "page reserve reserve-page" },
    h("section", { class: "reserve-main", "aria-labelledby": "reserve-title" },
      h("h2", { id: "reserve-title" }, "Reserve a spot"), form, problem, found, zones, chosen),
    mine.element, payment.element);
  return {
    element,
    leave() {
      unsubscribe();
      off();
      clearInterval(timer);
    },
  };
}

/** The caller's own reservations, newest first. */
function myReservations({ api, store, serverNow, toasts }, pay) {
  const list = h("ul", { class: "reservations" });
  const none = h("p", { class: "empty" }, "Loading…");
  let shown = [];

  async function load() {
    try {
      const query = new URLSearchParams({ limit: "50" });
      // To operators the list shows everybody's.
      if (store.state.operator) query.set("user_id", store.state.user.id);
      shown = (await api.get(`/api/reservations?${query}`)).items;
      draw();
    } catch (error) {
      text(none, error.message);
      none.hidden = shown.length > 0;
    }
  }

  async function act(element, run) {
    if (element.hasAttribute("aria-busy")) return;
    attribute(element, "aria-busy", "true");
    try {
      await run();
    } catch (error) {
      toasts.show({ severity: "warning", title: "Not done", text: error.message });
    } finally {
      attribute(element, "aria-busy", null);
    }
  }

  function row(reservation) {
    const now = serverNow();
    const moves = ownersMoves(reservation, now);
    const payButton = h("button", { type: "button", class: "button button-main", on: { click: () => act(payButton, () => pay(reservation)) } }, "Pay");
    const cancelButton = h("button", { type: "button", class: "button", on: {
      click: () => act(cancelButton, async () => {
        await api.delete(`/api/reservations/${reservation.id}`);
        announce("The reservation is cancelled.");
        await load();
      }),
    } }, "Cancel");
    payButton.hidden = !moves.pay;
    cancelButton.hidden = !moves.cancel;
    const left = h("span", { class: "hold-left", "data-until": reservation.hold_expires_at ?? reservation.due_until });
    left.hidden = !moves.pay;
    return h("li", { class: "reservation", "data-id": reservation.id, "data-status": isExpired(reservation, now) ? "expired" : reservation.status },
      h("div", { class: "reservation-head" }, h("strong", {}, reservation.spot_id), h("span", { class: "chip" }, reservationState(reservation, now)), left),
      h("p", {}, period(reservation)),
      h("p", { class: "reservation-facts" }, reservation.vehicle_plate, " · ", money(reservation.price, reservation.currency)),
      h("div", { class: "form-buttons" }, payButton, cancelButton));
  }

  function draw() {
    arrange(list, shown.map(row));
    none.hidden = shown.length > 0;
    text(none, "You have no reservations.");
    tick();
  }

  function tick() {
    let ended = false;
    for (const left of list.querySelectorAll(".hold-left:not([hidden])")) {
      const rest = Date.parse(left.dataset.until) - serverNow();
      text(left, `held for ${countdown(rest)}`);
      ended ||= rest <= 0;
    }
    if (ended) arrange(list, shown.map(row));
  }

  return {
    element: h("section", { class: "panel mine", "aria-labelledby": "mine-title" }, h("h2", { id: "mine-title" }, "My reservations"), none, list),
    load,
    tick,
  };
}
