// Booking: darshan in a temple, or a spot in a car park.

import { t } from "../../lib/i18n.js";
import { address } from "../../lib/router.js";
import { html } from "../../lib/ui.js";
import { MyReservations, useReservations } from "../../parts/my-reservations.js";
import { Card } from "../../parts/panel.js";
import { Reserve } from "../../parts/reserve.js";
import { OfTemple, TempleTabs } from "../../parts/site-tabs.js";
import { Slots } from "../../parts/slots.js";
import { lead, missed } from "../../parts/toasts.js";
import { useBookings } from "../../state/bookings.js";
import { store } from "../../state/live.js";
import { payFor, usePaymentSetup } from "../../state/payments.js";
import { user } from "../../state/session.js";
import { MyBookings } from "../visitor/tickets.js";

function Tabs({ shown }) {
  return html`<div class="page-head"><h1>${t("Book")}</h1><nav class="chips" aria-label=${t("What to book")}>${[["darshan", "Darshan"], ["parking", "Parking"]].map(([key, title]) => html`
    <a key=${key} class="chip" href=${address(store.state.site, "book", key)} aria-current=${shown === key ? "page" : undefined}>${t(title)}</a>`)}</nav></div>`;
}

function Darshan({ temple }) {
  const bookings = user.value ? useBookings() : null;
  return html`<div class="page darshan">
    <div class="darshan-whole"><${Tabs} shown="darshan" /></div>
    <${Card} class="darshan-book" id="slots" title=${t("Darshan at {site}", { site: temple.name })} actions=${html`<${TempleTabs} shown=${temple} />`}>
      <div class="panel-body"><${Slots} temple=${temple} onBooked=${() => bookings?.reload()} /></div></${Card}>
    ${bookings && html`<${MyBookings} resource=${bookings} />`}
  </div>`;
}

function Parking() {
  const mine = user.value ? useReservations() : null;
  const canPay = usePaymentSetup();
  const reserved = async (reservation) => {
    await mine?.reload();
    lead("reservations-title");
    if (reservation.status !== "pending_payment" || !canPay) return;
    try {
      await payFor(reservation);
    } catch (error) {
      missed(error, t("Not paid yet"));
    }
  };
  return html`<div class="page reserve reserve-page">
    <section class="reserve-main" aria-labelledby="reserve-title"><${Tabs} shown="parking" /><h2 id="reserve-title">${t("Reserve a spot")}</h2><${Reserve} onReserved=${reserved} /></section>
    ${mine && html`<${MyReservations} resource=${mine} />`}
  </div>`;
}

/** The page. */
export default function BookPage({ detail }) {
  if (detail === "parking") return html`<${Parking} />`;
  return html`<${OfTemple}>${(temple) => html`<${Darshan} key=${temple.slug} temple=${temple} />`}</${OfTemple}>`;
}
