// A driver's own reservations, with what can be done about each.

import { t } from "../lib/i18n.js";
import { countdown, isExpired, money, ownersMoves, period, reservationState } from "../lib/reservations.js";
import { useResource } from "../lib/resource.js";
import { address } from "../lib/router.js";
import { announce, html, useState } from "../lib/ui.js";
import { store, useNow } from "../state/live.js";
import { payFor, usePaymentSetup } from "../state/payments.js";
import { settle } from "../state/once.js";
import { api, user } from "../state/session.js";
import { Confirm } from "./form.js";
import { Empty, Panel } from "./panel.js";
import { refundWords } from "./reserve.js";
import { missed } from "./toasts.js";

const EVERY_MS = 15_000;

/** The reservations of whoever is signed in, the newest first. To operators the list shows everybody's: theirs are asked for. */
export function useReservations() {
  return useResource(async () => (await api.get(`/api/reservations?limit=50${store.state.operator ? `&user_id=${user.value.id}` : ""}`)).items, [], { every: EVERY_MS });
}

function Reservation({ reservation, canPay, onChanged }) {
  const now = useNow();
  const [asking, setAsking] = useState(false);
  const [busy, setBusy] = useState(false);
  const moves = ownersMoves(reservation, now);
  const until = Date.parse(reservation.hold_expires_at ?? reservation.due_until);
  const pay = async () => {
    setBusy(true);
    try {
      await payFor(reservation);
    } catch (error) {
      missed(error, t("Not paid"));
      setBusy(false);
      onChanged();
    }
  };
  const cancel = async () => {
    const path = `/api/reservations/${reservation.id}`;
    try {
      await settle(() => api.delete(path), path, (one) => one.status === "cancelled");
      announce(t("The reservation is cancelled."));
    } finally {
      onChanged();
    }
  };
  const site = store.state.sites.find((one) => one.slug === reservation.site);
  return html`<li class="reservation" data-id=${reservation.id} data-status=${isExpired(reservation, now) ? "expired" : reservation.status}>
    <div class="reservation-head"><strong>${reservation.spot_id}</strong><span class="tag" data-status=${reservation.status}>${t(reservationState(reservation, now))}</span>
      ${moves.pay && html`<span class="hold-left">${t("held for {time}", { time: countdown(until - now) })}</span>`}</div>
    <p>${period(reservation, site?.time_zone)}</p>
    <p class="reservation-facts">${reservation.vehicle_plate} · ${money(reservation.price, reservation.currency)}</p>
    ${moves.pay && canPay === false && html`<p class="hint">${reservation.status === "pending_payment" ? t("It cannot be paid here. When that time is over, the spot is free for others.") : t("It cannot be paid here. When that time is over, it stays as it was before.")}</p>`}
    <div class="form-buttons">
      ${reservation.paid > 0 && html`<a class="button button-quiet" href=${address(reservation.site, "paid", reservation.id)}>${t("Receipt and pass")}</a>`}
      ${moves.pay && canPay && html`<button type="button" class="button button-main" aria-busy=${busy ? "true" : undefined} onClick=${pay}>${t("Pay {amount}", { amount: money(reservation.due, reservation.currency) })}</button>`}
      ${moves.cancel && html`<button type="button" class="button reservation-cancel" onClick=${() => setAsking(true)}>${t("Cancel")}</button>`}
    </div>
    ${asking && html`<${Confirm} title=${t("Cancel this reservation?")} action=${t("Yes, cancel it")} onClose=${() => setAsking(false)} onConfirm=${cancel}><p>${reservation.paid > 0 ? refundWords(site?.tariff) : t("Nothing was paid, so nothing is refunded.")}</p></${Confirm}>`}
  </li>`;
}

/** The panel. */
export function MyReservations({ resource: given }) {
  const own = useReservations();
  const resource = given ?? own;
  const canPay = usePaymentSetup();
  return html`<${Panel} class="mine" id="reservations" title=${t("My reservations")} resource=${resource}>${(items) => (items.length === 0 ? html`<${Empty}>${t("You have no reservations.")}</${Empty}>`
    : html`<ul class="reservations panel-body">${items.map((one) => html`<${Reservation} key=${one.id} reservation=${one} canPay=${canPay} onChanged=${resource.reload} />`)}</ul>`)}</${Panel}>`;
}
