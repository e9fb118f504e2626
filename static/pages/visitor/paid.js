// Where Stripe's page leads back to: how the reservation stands now, by the server's word and not by the address.

import { t } from "../../lib/i18n.js";
import { money, period, reservationState } from "../../lib/reservations.js";
import { useResource } from "../../lib/resource.js";
import { address, route } from "../../lib/router.js";
import { Icon, html } from "../../lib/ui.js";
import { Empty, Panel } from "../../parts/panel.js";
import { printPage } from "../../parts/print.js";
import { serverNow, store } from "../../state/live.js";
import { api } from "../../state/session.js";

const EVERY_MS = 3000;

/** The page. */
export default function PaidPage({ detail }) {
  const cancelled = route.value.query.get("payment") === "cancelled";
  const resource = useResource(async () => {
    const path = `/api/reservations/${encodeURIComponent(detail)}`;
    const before = await api.get(path);
    if (before.status !== "pending_payment" || cancelled) return before;
    // Asks the payment service how it stands, in case its own word is late.
    await api.post("/api/payments/confirm", { reservation_id: detail }).catch(() => {});
    return api.get(path);
  }, [detail], { every: EVERY_MS });
  if (!detail) return html`<div class="page"><${Empty}>${t("There is no such page")}</${Empty}></div>`;
  return html`<div class="page"><h1 class="visually-hidden">${t("Payment")}</h1><${Panel} title=${cancelled ? t("Not paid") : t("Payment")} id="paid" resource=${resource}>${(one) => {
    const paid = one.paid > 0 && one.status !== "pending_payment";
    const site = store.state.sites.find((known) => known.slug === one.site);
    return html`<div class="panel-body">
      <p class="big row"><${Icon} name=${paid ? "check" : cancelled ? "close" : "refresh"} /> ${paid ? t("Paid. Your spot is yours.") : cancelled ? t("You did not pay. The spot is held a little longer.") : t("The payment is being confirmed…")}</p>
      <dl class="facts pass"><div><dt>${t("Spot")}</dt><dd class="big">${one.spot_id}</dd></div><div><dt>${t("Time")}</dt><dd>${period(one, site?.time_zone)}</dd></div><div><dt>${t("Site")}</dt><dd>${site?.name ?? one.site}</dd></div>
        <div><dt>${t("Number plate")}</dt><dd class="plate">${one.vehicle_plate}</dd></div><div><dt>${t("Paid")}</dt><dd>${one.paid > 0 ? money(one.paid, one.currency) : t("Nothing yet")}</dd></div>
        <div><dt>${t("State")}</dt><dd>${t(reservationState(one, serverNow()))}</dd></div><div><dt>${paid ? t("Receipt") : t("Reservation")}</dt><dd><code>${one.id}</code></dd></div></dl>
      <div class="form-buttons"><button type="button" class="button" onClick=${printPage}><${Icon} name="print" /> ${t("Print")}</button><a class="button button-main" href=${address(store.state.site, "tickets")}>${t("To my tickets")}</a></div>
    </div>`;
  }}</${Panel}></div>`;
}
