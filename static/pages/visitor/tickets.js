// A visitor's tickets and reservations; those of tickets also without a network.

import { words } from "../../lib/format.js";
import { t } from "../../lib/i18n.js";
import { address } from "../../lib/router.js";
import { day, slotTimes, time } from "../../lib/time.js";
import { html } from "../../lib/ui.js";
import { MyReservations } from "../../parts/my-reservations.js";
import { Empty, Panel } from "../../parts/panel.js";
import { Ticket } from "../../parts/ticket.js";
import { isAhead, useBookings } from "../../state/bookings.js";
import { store, useNow } from "../../state/live.js";

/** The bookings that are to come, and those that were. */
export function MyBookings({ resource }) {
  const now = useNow();
  const siteOf = (slug) => store.state.sites.find((one) => one.slug === slug);
  const all = resource.data ?? [];
  const ahead = all.filter((one) => isAhead(one, now)).sort((a, b) => (a.starts_at < b.starts_at ? -1 : 1));
  const before = all.filter((one) => !ahead.includes(one)).slice(0, 20);
  return html`<${Panel} class="darshan-mine" title=${t("My bookings")} id="mine" resource=${resource}>${() => html`<div class="panel-body">
    ${ahead.length > 0 ? html`<ul class="tickets" id="my-bookings">${ahead.map((one) => html`<${Ticket} key=${one.id} booking=${one} onChanged=${resource.reload} />`)}</ul>`
      : html`<${Empty} action=${html`<a class="button" href=${address(store.state.site, "book", "darshan")}>${t("Book darshan")}</a>`}>${t("You have no bookings ahead.")}</${Empty}>`}
    ${before.length > 0 && html`<details class="earlier"><summary>${t("Earlier bookings")}</summary><ul class="past-bookings">${before.map((one) => html`<li key=${one.id}><a href=${address(one.temple_id, "booking", one.id)}>${siteOf(one.temple_id)?.name ?? one.temple_id}, ${day(time(one.starts_at), siteOf(one.temple_id)?.time_zone)}, ${slotTimes(one.slot)}</a>
      <span class="past-status">${words(one.status).toLowerCase()}</span></li>`)}</ul></details>`}</div>`}</${Panel}>`;
}

/** The page. */
export default function TicketsPage() {
  const resource = useBookings();
  return html`<div class="page tickets-page"><h1 class="visually-hidden">${t("Tickets")}</h1><${MyBookings} resource=${resource} /><${MyReservations} /></div>`;
}
