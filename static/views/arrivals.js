// Who comes today, for the staff of a car park: arrive, leave, cancel.

import { announce, arrange, attribute, h, text } from "../dom.js";
import { ofSite } from "../model.js";
import { period, reservationState, staffMoves, today } from "../reservations.js";
import { ALL } from "../store.js";

const REFRESH_MS = 20_000;
const OVER = ["completed", "cancelled", "expired", "no_show"];

/** The chosen site when it has spots, else the first that has. */
function carPark(state) {
  const [own] = ofSite(state.spots.values(), state.site);
  const [any] = state.spots.values();
  return (own ?? any)?.site ?? null;
}

/** The page. */
export function arrivalsPage({ store, api, toasts, serverNow, hub }) {
  const body = h("tbody", {});
  const none = h("p", { class: "empty" }, "Loading…");
  const search = h("input", { type: "search", id: "arrivals-search", placeholder: "Plate or spot", "aria-label": "Find by plate or spot", on: { input: draw } });
  const past = h("input", { type: "checkbox", id: "arrivals-past", on: { change: draw } });
  const count = h("span", { class: "count" });
  let shown = [];
  let loads = 0;

  async function load() {
    loads += 1;
    const turn = loads;
    const site = carPark(store.state);
    if (!site) return;
    const query = new URLSearchParams({ ...today(serverNow()), site, limit: "500" });
    try {
      const items = await api.all(`/api/reservations/arrivals?${query}`, 2000);
      if (turn !== loads) return;
      shown = items;
      draw();
    } catch (error) {
      if (turn !== loads) return;
      text(none, error.message);
      none.hidden = shown.length > 0;
    }
  }

  async function act(button, reservation, run, done) {
    if (button.hasAttribute("aria-busy")) return;
    attribute(button, "aria-busy", "true");
    try {
      await run();
      announce(`${reservation.vehicle_plate}: ${done}`);
    } catch (error) {
      toasts.show({ severity: "warning", title: "Not done", text: error.message });
    }
    attribute(button, "aria-busy", null);
    await load();
  }

  function row(reservation) {
    const moves = staffMoves(reservation);
    const path = `/api/reservations/${reservation.id}`;
    const button = (label, allowed, run, done) => {
      const element = h("button", { type: "button", class: "button", "aria-label": `${label}: ${reservation.vehicle_plate}` }, label);
      element.addEventListener("click", () => act(element, reservation, run, done));
      element.hidden = !allowed;
      return element;
    };
    return h("tr", { "data-id": reservation.id, "data-status": reservation.status },
      h("td", { class: "plate" }, reservation.vehicle_plate),
      h("td", {}, reservation.spot_id),
      h("td", {}, period(reservation)),
      h("td", {}, h("span", { class: "chip", "data-status": reservation.status }, reservationState(reservation, serverNow()))),
      h("td", { class: "row-buttons" },
        button("Arrived", moves.arrive, () => api.post(`${path}/arrive`), "arrived"),
        button("Left", moves.depart, () => api.post(`${path}/depart`), "left"),
        button("Cancel", moves.cancel, () => api.delete(path), "cancelled")));
  }

  function draw() {
    const wanted = search.value.toUpperCase().replaceAll(/[^A-Z0-9]/g, "");
    const rows = shown.filter((one) => past.checked || !OVER.includes(one.status))
      .filter((one) => !wanted || one.vehicle_plate.includes(wanted) || one.spot_id.toUpperCase().replaceAll(/[^A-Z0-9]/g, "").includes(wanted));
    arrange(body, rows.map(row));
    const coming = shown.filter((one) => one.status === "confirmed").length;
    text(count, coming);
    none.hidden = rows.length > 0;
    text(none, shown.length ? "None that matches." : "Nobody has reserved for today.");
  }

  const unsubscribe = store.subscribe(["site", "spots"], (_, changes) => {
    if (changes.has("site") || changes.get("spots") === ALL) load();
  });
  const off = hub.on(["open"], load);
  const timer = setInterval(load, REFRESH_MS);
  return {
    element: h("div", { class: "page arrivals-page" },
      h("section", { class: "panel arrivals", "aria-labelledby": "arrivals-title" },
        h("header", { class: "panel-head" }, h("h2", { id: "arrivals-title" }, "Arrivals today ", count),
          h("div", { class: "arrivals-filter" }, search, h("label", { for: "arrivals-past" }, past, " also those that are over"))),
        none,
        h("div", { class: "table-scroll", tabindex: "0", role: "region", "aria-label": "Arrivals" },
          h("table", { class: "arrivals-table" },
            h("thead", {}, h("tr", {}, ["Plate", "Spot", "Period", "State", "Do"].map((title) => h("th", { scope: "col" }, title)))),
            body)))),
    leave() {
      unsubscribe();
      off();
      clearInterval(timer);
    },
  };
}
