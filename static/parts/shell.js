// The frame around every page: site, search, how fresh what is shown is, the clock, who is signed in; the navigation of one's role; the
// banners; and on a phone the button that calls for help.

import { t } from "../lib/i18n.js";
import { worst } from "../lib/resource.js";
import { ALL_SITES, address, go, route, setQuery } from "../lib/router.js";
import { clock, zoneName } from "../lib/time.js";
import { Icon, computed, cx, html, useEffect, useRef, useState } from "../lib/ui.js";
import { ROUTES, navigation, rankOf } from "../routes.js";
import { connection, liveAt, useNow, useStore } from "../state/live.js";
import { signOut, user } from "../state/session.js";
import { Banners } from "./banner.js";
import { openSearch } from "./search.js";
import { WallScreen } from "./wall.js";

const ON_THE_BAR = 5;

/** Live only when the feed is and every panel on the screen is fresh. */
const freshness = computed(() => {
  if (connection.value === "reconnecting") return "reconnecting";
  if (worst.value === "failed") return "failed";
  if (worst.value === "stale") return "stale";
  if (connection.value === "connecting" || worst.value === "loading") return "connecting";
  return connection.value === "off" ? "public" : "live";
});

function Freshness() {
  const state = freshness.value;
  const at = liveAt.value ? clock(liveAt.value) : null;
  const said = {
    live: t("Live"),
    public: t("Up to date"),
    connecting: t("Loading…"),
    reconnecting: at ? t("As of {at} – retrying", { at }) : t("No connection – retrying"),
    stale: at ? t("As of {at} – retrying", { at }) : t("Retrying"),
    failed: t("Not everything is loaded"),
  }[state];
  // A phone has room for the gist.
  const brief = { reconnecting: at ?? t("Offline"), stale: at ?? t("Retrying"), failed: t("Not loaded") }[state] ?? said;
  return html`<p class="connection" role="status" data-state=${state}><span class="connection-dot"></span><span class="connection-words">${said}</span><span class="connection-brief" aria-hidden="true">${brief}</span></p>`;
}

function Clock() {
  const now = useNow();
  useStore("site");
  return html`<time class="clock">${clock(now)} <span class="clock-zone">${zoneName(now)}</span></time>`;
}

function SitePicker() {
  const state = useStore("sites", "site");
  const { page, detail, query } = route.value;
  const choose = (event) => {
    const slug = event.target.value;
    localStorage.setItem("gatehouse.site", slug);
    // A thing is of one site; what is booked is not.
    go(address(slug === ALL_SITES ? null : slug, page, page === "book" ? detail : null, Object.fromEntries(query)));
  };
  return html`<div class="site-picker"><select id="site" aria-label=${t("Site")} value=${state.site ?? ALL_SITES} onChange=${choose}>
    <option value=${ALL_SITES}>${t("All sites")}</option>
    ${state.site && !state.sites.some((site) => site.slug === state.site) && html`<option value=${state.site}>${state.site}</option>`}
    ${state.sites.map((site) => html`<option key=${site.slug} value=${site.slug}>${site.name}</option>`)}
  </select></div>`;
}

function useCounts() {
  const state = useStore("alerts", "emergencies", "site");
  const open = [...state.alerts.values()].filter((alert) => alert.status === "active" && (!state.site || !alert.site || alert.site === state.site));
  const waiting = [...state.emergencies.values()].filter((one) => one.status === "reported");
  return {
    alerts: { count: open.length, severity: open.some((alert) => alert.severity === "critical") ? "critical" : "warning" },
    emergencies: { count: waiting.length, severity: "critical" },
  };
}

function Links({ pages, counts, brief }) {
  const { site, page: shown } = route.value;
  return pages.map((page) => html`<li key=${page.key}><a href=${address(site ?? null, page.key)} aria-current=${page.key === shown ? "page" : undefined} title=${t(page.title)}>
    <${Icon} name=${page.icon} /><span class="nav-title">${t(brief ? page.short ?? page.title : page.title)}</span>
    ${counts[page.key]?.count > 0 && html`<span class="count" data-severity=${counts[page.key].severity}>${counts[page.key].count}</span>`}
  </a></li>`);
}

function Navigation({ pages }) {
  const counts = useCounts();
  const groups = [...new Set(pages.map((page) => page.group))];
  return html`<nav class="pages" aria-label=${t("Pages")}>
    ${groups.map((group) => html`<div class="nav-group" key=${group}>
      ${group && html`<p class="nav-name">${t(group)}</p>`}
      <ul><${Links} pages=${pages.filter((page) => page.group === group)} counts=${counts} /></ul>
    </div>`)}
  </nav>`;
}

/** On a phone: the first pages along the foot, the others behind "More". */
function Bar({ pages }) {
  const counts = useCounts();
  const [open, setOpen] = useState(false);
  const shown = pages.length > ON_THE_BAR ? pages.slice(0, ON_THE_BAR - 1) : pages;
  // On a phone the name in the header has no room.
  const own = pages.some((page) => page.key === "me") || !user.value ? [] : ROUTES.filter((page) => page.key === "me");
  const rest = [...pages.slice(shown.length), ...own];
  useEffect(() => setOpen(false), [route.value]);
  return html`<nav class="bar" aria-label=${t("Pages")}>
    ${open && html`<div class="bar-more"><ul><${Links} pages=${rest} counts=${counts} /></ul></div>`}
    <ul class="bar-items"><${Links} pages=${shown} counts=${counts} brief />
      ${rest.length > 0 && html`<li><button type="button" aria-expanded=${open} onClick=${() => setOpen(!open)}><${Icon} name="menu" /><span class="nav-title">${t("More")}</span></button></li>`}
    </ul>
  </nav>`;
}

/** On a phone, the way to call for help, on every page but those that are it. */
export function Sos({ page }) {
  if (page === "sos" || page === "emergencies") return null;
  return html`<aside aria-label=${t("Emergency")}>${user.value
    ? html`<a class="sos-fixed" href=${address(route.value.site ?? null, "sos")}><${Icon} name="critical" />SOS</a>`
    : html`<a class="sos-fixed" href="tel:112"><${Icon} name="phone" />112</a>`}</aside>`;
}

/** The frame; `children` is the page. */
export function Shell({ page, children }) {
  const main = useRef(null);
  const first = useRef(true);
  const who = user.value;
  const pages = navigation(who?.role);
  const { site } = route.value;
  const isWall = route.value.query.get("wall") === "1";
  useEffect(() => {
    if (first.current) first.current = false;
    else {
      scrollTo(0, 0);
      main.current?.focus({ preventScroll: true });
    }
  }, [page?.key]);
  const rank = rankOf(who?.role);
  return html`<div class=${cx("console", isWall && "console-wall", page?.bare && "console-bare")} data-page=${page?.key} data-rank=${rank}>
    <button type="button" class="skip" onClick=${() => main.current.focus()}>${t("Skip to the page")}</button>
    <header class="top">
      <a class="brand" title="Gatehouse" href=${address(site ?? null, pages[0].key)}><${Icon} name="gate" class="brand-mark" /><span class="brand-name">Gatehouse</span></a>
      <${SitePicker} />
      ${who && html`<button type="button" class="button button-quiet top-search" onClick=${openSearch} title=${`${t("Search")} (⌘K)`}>
        <${Icon} name="search" /><span class="wide">${t("Search")}</span><kbd class="wide" aria-hidden="true">⌘K</kbd></button>`}
      ${rank >= 2 && !page?.bare && html`<button type="button" class="button button-quiet top-wall" onClick=${() => setQuery({ wall: "1" })} aria-label=${t("On a wall")} title=${t("On a wall: without navigation, and the screen stays awake")}><${Icon} name="wall" /></button>`}
      <${Freshness} />
      <${Clock} />
      <div class="who">
        ${who ? html`
          <a class="who-name" href=${address(site ?? null, "me")} title=${`${who.email} (${t(who.role.replaceAll("_", " "))})`}>${who.name || who.email}</a>
          <button type="button" id="sign-out" class="button button-quiet" aria-label=${t("Sign out")} title=${t("Sign out")} onClick=${signOut}><${Icon} name="leave" /></button>`
        : html`<a class="button" href="/console/account/sign-in">${t("Sign in")}</a>`}
      </div>
    </header>
    <${Banners} />
    <div class="frame">
      ${!isWall && !page?.bare && html`<${Navigation} pages=${pages} />`}
      <main class="slot" id="main" tabindex="-1" ref=${main}>${children}</main>
    </div>
    ${!isWall && !page?.bare && html`<${Bar} pages=${pages} />`}
    ${isWall ? html`<${WallScreen} />` : html`<${Sos} page=${page?.key} />`}
  </div>`;
}
