// Who comes today, for the staff of a car park: arrive, leave, cancel.

import { ofSite } from "../../lib/model.js";
import { t } from "../../lib/i18n.js";
import { dayOf, period, reservationState, staffMoves } from "../../lib/reservations.js";
import { useResource } from "../../lib/resource.js";
import { route, setQuery } from "../../lib/router.js";
import { dateAt } from "../../lib/time.js";
import { Icon, announce, html, useState } from "../../lib/ui.js";
import { Confirm } from "../../parts/form.js";
import { Empty, Panel } from "../../parts/panel.js";
import { PrintButton, saveCsv } from "../../parts/table.js";
import { refused } from "../../parts/toasts.js";
import { freshnessOf, reload, serverNow, useStore } from "../../state/live.js";
import { settle } from "../../state/once.js";
import { api } from "../../state/session.js";

const REFRESH_MS = 20_000;
// Shorter ones are typed on the way to a longer one.
const PLATE_LETTERS = 6;
const places = freshnessOf("sites", "spots");
const OVER = ["completed", "cancelled", "expired", "no_show"];

/** The chosen site when it has spots, else the first that has. */
function carPark(state) {
  const [own] = ofSite(state.spots.values(), state.site);
  const [any] = state.spots.values();
  return (own ?? any)?.site ?? null;
}

const plain = (text) => text.toUpperCase().replaceAll(/[^A-Z0-9]/g, "");

function Row({ reservation, timeZone, onChanged }) {
  const [busy, setBusy] = useState(false);
  const [asking, setAsking] = useState(false);
  const moves = staffMoves(reservation);
  const path = `/api/reservations/${reservation.id}`;
  const act = async (run, isDone, done) => {
    if (busy) return;
    setBusy(true);
    try {
      await settle(run, path, isDone);
      announce(`${reservation.vehicle_plate}: ${done}`);
    } catch (error) {
      refused(error, t("Not done"));
    }
    setBusy(false);
    onChanged();
  };
  const cancel = () => settle(() => api.delete(path), path, (now) => now.status === "cancelled").finally(onChanged);
  const button = (label, allowed, onClick) => allowed && html`<button type="button" class="button" aria-busy=${busy ? "true" : undefined} aria-label=${`${label}: ${reservation.vehicle_plate}`} onClick=${onClick}>${label}</button>`;
  return html`<tr data-id=${reservation.id} data-status=${reservation.status}><td class="plate">${reservation.vehicle_plate}</td><td>${reservation.spot_id}</td><td>${period(reservation, timeZone)}</td>
    <td><span class="tag" data-status=${reservation.status}>${t(reservationState(reservation, serverNow()))}</span></td>
    <td class="row-buttons">${button(t("Arrived"), moves.arrive, () => act(() => api.post(`${path}/arrive`), (now) => now.status === "arrived", t("arrived")))} ${button(t("Left"), moves.depart, () => act(() => api.post(`${path}/depart`), (now) => now.status === "completed", t("left")))} ${button(t("Cancel"), moves.cancel, () => setAsking(true))}
      ${asking && html`<${Confirm} title=${t("Cancel this reservation?")} action=${t("Yes, cancel it")} onClose=${() => setAsking(false)} onConfirm=${cancel}><p>${reservation.vehicle_plate} · ${reservation.spot_id} · ${period(reservation, timeZone)}</p></${Confirm}>`}</td></tr>`;
}

const COLUMNS = ["vehicle_plate", "spot_id", "start", "end", "status"].map((name) => ({ title: name, cell: (one) => one[name] }));

/** Reservations of a plate on any day: who comes on another than was booked. */
function OfPlate({ plate, timeZone }) {
  const resource = useResource(async () => (await api.get(`/api/reservations?${new URLSearchParams({ vehicle_plate: plate, limit: "20" })}`)).items, [plate]);
  return html`<${Panel} title=${t("Reservations of {plate} on any day", { plate })} id="of-plate" resource=${resource}>${(items) => (items.length === 0 ? html`<${Empty}>${t("There are none of this plate.")}</${Empty}>`
    : html`<${Rows} rows=${items} timeZone=${timeZone} onChanged=${resource.reload} />`)}</${Panel}>`;
}

function Rows({ rows, timeZone, onChanged }) {
  return html`<div class="table-scroll" tabindex="0" role="region" aria-label=${t("{name}: table", { name: t("Arrivals") })}><table class="table arrivals-table"><thead><tr>${["Plate", "Spot", "Period", "State", "Actions"].map((title) => html`<th scope="col" key=${title}>${t(title)}</th>`)}</tr></thead>
    <tbody>${rows.map((one) => html`<${Row} key=${one.id} reservation=${one} timeZone=${timeZone} onChanged=${onChanged} />`)}</tbody></table></div>`;
}

/** The page. */
export default function ArrivalsPage() {
  const state = useStore("site", "spots", "sites");
  const site = carPark(state);
  const known = state.sites.find((one) => one.slug === site);
  const timeZone = known?.time_zone;
  const today = dateAt(serverNow(), timeZone);
  const { query } = route.value;
  const sought = query.get("q") ?? "";
  const past = query.get("past") === "1";
  const date = query.get("day") ?? today;
  const resource = useResource(async () => (site ? api.all(`/api/reservations/arrivals?${new URLSearchParams({ ...dayOf(date, serverNow(), timeZone), site, limit: "500" })}`, 2000) : []), [site, date, timeZone], { every: REFRESH_MS });
  // Which car park it is, is known once the spots are.
  const placesResource = site || places.value.status === "fresh" ? resource : { ...places.value, reload: () => reload("sites", "spots") };
  const wanted = plain(sought);
  const all = resource.data ?? [];
  const rows = all.filter((one) => past || !OVER.includes(one.status)).filter((one) => !wanted || one.vehicle_plate.includes(wanted) || plain(one.spot_id).includes(wanted));
  const coming = all.filter((one) => one.status === "confirmed").length;
  const actions = html`<input class="input arrivals-day" type="date" aria-label=${t("Day")} value=${date} onChange=${(event) => event.target.value && setQuery({ day: event.target.value === today ? "" : event.target.value })} />
    <label class="search"><${Icon} name="search" /><input type="search" id="arrivals-search" placeholder=${t("Plate or spot")} aria-label=${t("Find by plate or spot")} value=${sought} onInput=${(event) => setQuery({ q: event.target.value })} /></label>
    <label class="check"><input type="checkbox" id="arrivals-past" checked=${past} onChange=${(event) => setQuery({ past: event.target.checked ? "1" : "" })} /> ${t("also those that are over")}</label>
    <button type="button" class="button button-quiet" onClick=${() => saveCsv("arrivals", COLUMNS, rows)}><${Icon} name="download" /> CSV</button><${PrintButton} />`;
  return html`<div class="page arrivals-page"><h1 class="visually-hidden">${t("Arrivals")}</h1><${Panel} class="arrivals" id="arrivals" title=${html`${date === today ? t("Arrivals today") : t("Arrivals")}${known && ` · ${known.name}`} <span class="count">${coming}</span>`} resource=${placesResource} actions=${actions}>${() => html`
    ${rows.length === 0 && html`<${Empty}>${all.length ? t("None that matches.") : t("Nobody has reserved for this day.")}</${Empty}>`}
    ${rows.length > 0 && html`<${Rows} rows=${rows} timeZone=${timeZone} onChanged=${resource.reload} />`}`}</${Panel}>
    ${wanted.length >= PLATE_LETTERS && rows.length === 0 && resource.data && html`<${OfPlate} key=${wanted} plate=${wanted} timeZone=${timeZone} />`}</div>`;
}
