// The first page of a visitor: the next ticket, the parking pass, how full it is now, what is announced.

import { number, t } from "../../lib/i18n.js";
import { temples } from "../../lib/model.js";
import { period } from "../../lib/reservations.js";
import { useResource } from "../../lib/resource.js";
import { address } from "../../lib/router.js";
import { time } from "../../lib/time.js";
import { Icon, html } from "../../lib/ui.js";
import { concerns, inForce } from "../../parts/banner.js";
import { FreeSpots } from "../../parts/free-spots.js";
import { Level, RANK } from "../../parts/levels.js";
import { Card, Empty, Panel } from "../../parts/panel.js";
import { sitesResource } from "../../parts/site-tabs.js";
import { Ticket } from "../../parts/ticket.js";
import { isAhead, useBookings } from "../../state/bookings.js";
import { freshnessOf, reload, serverNow, store, useNow, useStore } from "../../state/live.js";
import { api, user } from "../../state/session.js";

const CROWD_EVERY_MS = 60_000;
const announced = freshnessOf("broadcasts");

function NextTicket() {
  const now = useNow();
  const resource = useBookings();
  const next = (resource.data ?? []).filter((one) => isAhead(one, now)).sort((a, b) => (a.starts_at < b.starts_at ? -1 : 1))[0];
  return html`<${Panel} title=${t("Your next visit")} id="next" resource=${resource}
    actions=${html`<a class="button button-quiet" href=${address(store.state.site, "tickets")}>${t("All tickets")}</a>`}>${() => (next
      ? html`<ul class="tickets panel-body"><${Ticket} booking=${next} onChanged=${resource.reload} /></ul>`
      : html`<${Empty} action=${html`<a class="button button-main" href=${address(store.state.site, "book", "darshan")}>${t("Book darshan")}</a>`}>${t("You have no bookings ahead.")}</${Empty}>`)}</${Panel}>`;
}

const siteOf = (slug) => store.state.sites.find((one) => one.slug === slug);

function ParkingPass() {
  const resource = useResource(() => api.get(`/api/reservations?limit=20${store.state.operator ? `&user_id=${user.value.id}` : ""}`), []);
  const now = serverNow();
  const next = (resource.data?.items ?? []).filter((one) => ["confirmed", "arrived", "overstayed"].includes(one.status) && time(one.end) > now).sort((a, b) => (a.start < b.start ? -1 : 1))[0];
  if (!next && resource.data) return null;
  return html`<${Panel} title=${t("Your parking pass")} id="pass" resource=${resource}>${() => html`<div class="panel-body pass">
    <p class="big">${next.spot_id}</p><p>${period(next, siteOf(next.site)?.time_zone)}</p><p>${siteOf(next.site)?.name ?? next.site}</p><p class="plate">${next.vehicle_plate}</p>${next.paid > 0 && html`<p><a href=${address(next.site, "paid", next.id)}>${t("Receipt and pass")}</a></p>`}</div>`}</${Panel}>`;
}

function Announced() {
  const state = useStore("broadcasts", "site", "sites");
  const now = useNow();
  const shown = [...state.broadcasts.values()].filter((alert) => inForce(alert, now) && concerns(alert, state.site))
    .sort((a, b) => ["critical", "warning", "info"].indexOf(a.severity) - ["critical", "warning", "info"].indexOf(b.severity));
  if (shown.length === 0 && announced.value.status === "fresh") return null;
  return html`<${Panel} title=${t("Announced")} id="announced" resource=${{ ...announced.value, reload: () => reload("broadcasts") }}>${() => html`<ul class="panel-body">${shown.map((alert) => html`<li key=${alert.id} class="row">
    <span class="tag" data-tone=${alert.severity}><${Icon} name=${alert.severity} />${t(alert.severity === "info" ? "Information" : alert.severity === "warning" ? "Warning" : "Critical")}</span>
    <span class="grow">${alert.message}</span></li>`)}</ul>`}</${Panel}>`;
}

/** How full each temple is now. */
export function CrowdNow() {
  const state = useStore("sites", "site");
  const all = temples(state);
  const shown = all.some((one) => one.slug === state.site) ? all.filter((one) => one.slug === state.site) : all;
  const resource = useResource(async () => {
    const answers = await Promise.all(shown.map((one) => api.get(`/api/crowd/temple/${encodeURIComponent(one.slug)}/current`)));
    return answers.map((answer, index) => {
      const counted = answer.zones.filter((zone) => zone.count !== null);
      return { site: shown[index], people: counted.reduce((sum, zone) => sum + zone.count, 0), counted: counted.length > 0, level: RANK[Math.max(-1, ...counted.map((zone) => RANK.indexOf(zone.level)))] ?? null };
    });
  }, [shown.map((one) => one.slug).join()], { every: CROWD_EVERY_MS });
  return html`<${Panel} title=${t("Crowd now")} id="crowd-now" resource=${state.sitesLoaded ? resource : sitesResource()}>${(rows) => html`${rows.length === 0 && html`<${Empty}>${t("There is no temple yet.")}</${Empty}>`}<ul class="panel-body">${rows.map(({ site, people, counted, level }) => html`<li class="row" key=${site.slug}>
    <a class="grow" href=${address(site.slug, "crowd")}>${site.name}</a>${counted ? html`<strong>${number(people)}</strong><${Level} level=${level} />` : html`<span class="muted">${t("not counted yet")}</span>`}</li>`)}</ul>`}</${Panel}>`;
}

/** The page. */
export default function HomePage() {
  const who = user.value;
  return html`<div class="page home"><h1>${who ? t("Welcome, {name}", { name: who.name || who.email }) : t("Welcome")}</h1>
    ${who && html`<${NextTicket} /><${ParkingPass} />`}
    <${Announced} /><${CrowdNow} /><${FreeSpots} />
    ${!who && html`<${Card} title=${t("Book and reserve")}><${Empty} action=${html`<a class="button button-main" href="/console/account/sign-in">${t("Sign in")}</a>`}>${t("Sign in to book darshan, reserve a spot and see your tickets.")}</${Empty}></${Card}>`}
  </div>`;
}
