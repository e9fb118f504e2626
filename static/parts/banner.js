// What everybody must see: critical broadcasts across the top of every page, until they are acknowledged here or over; and for operators the
// emergencies that wait for an answer.

import { t, plural } from "../lib/i18n.js";
import { address, route } from "../lib/router.js";
import { clock, time } from "../lib/time.js";
import { Icon, html, signal } from "../lib/ui.js";
import { store, useNow, useStore } from "../state/live.js";

const KEY = "gatehouse.seen_broadcasts";
const MOST_KEPT = 100;

const seen = signal(new Set(read()));

function read() {
  try {
    return JSON.parse(localStorage.getItem(KEY)) ?? [];
  } catch {
    return [];
  }
}

/** Whether a broadcast is in force. */
export const inForce = (alert, now) => alert.status !== "resolved" && (!alert.expires_at || (time(alert.expires_at) ?? 0) > now);

/** Whether it concerns the site that is shown, or everybody. */
export const concerns = (alert, site) => !site || !alert.site || alert.site === site;

/** The critical broadcasts in force that nobody has acknowledged on this machine, the newest first. */
export function urgent(state, now) {
  return [...state.broadcasts.values()]
    .filter((alert) => alert.severity === "critical" && inForce(alert, now) && (state.operator || concerns(alert, state.site)) && !seen.value.has(alert.id))
    .sort((a, b) => (a.id < b.id ? 1 : -1));
}

function acknowledge(id) {
  const kept = [...seen.value, id].slice(-MOST_KEPT);
  seen.value = new Set(kept);
  localStorage.setItem(KEY, JSON.stringify(kept));
}

/** The banners. */
export function Banners() {
  const state = useStore("broadcasts", "site", "sites");
  const now = useNow();
  const shown = urgent(state, now);
  return html`<section class="banners" aria-label=${t("Announcements")}>
    ${shown.map((alert) => {
      const place = state.sites.find((one) => one.slug === alert.site)?.name ?? alert.site ?? t("Everywhere");
      const until = time(alert.expires_at);
      return html`<div class="banner" role="alert" key=${alert.id} id=${`banner-${alert.id}`}>
        <${Icon} name="critical" class="banner-icon" />
        <p class="banner-words"><strong>${alert.message}</strong><span>${place}${until ? ` · ${t("until {at}", { at: clock(until) })}` : ""}</span></p>
        <button type="button" class="button banner-seen" onClick=${() => acknowledge(alert.id)}>${t("I have seen this")}</button>
      </div>`;
    })}
    <${Waiting} />
  </section>`;
}

function Waiting() {
  const state = useStore("emergencies", "site");
  const waiting = [...state.emergencies.values()].filter((one) => one.status === "reported").length;
  if (!state.operator || waiting === 0 || route.value.page === "emergencies") return null;
  return html`<a class="banner sos-strip" href=${address(state.site, "emergencies")}>
    <${Icon} name="critical" class="banner-icon" />
    <span class="banner-words"><strong>${plural(waiting, "1 emergency waits for an answer", "{n} emergencies wait for an answer")}</strong></span>
    <span class="sos-strip-go">${t("Open the board")}</span>
  </a>`;
}

/** What stands before a page's title: the broadcast, or how many alerts are open. */
export function titlePrefix(now) {
  const { state } = store;
  const [first] = urgent(state, now);
  if (first) return `⚠ ${first.message.slice(0, 60)} · `;
  const open = [...state.alerts.values()].filter((alert) => alert.status === "active" && (!state.site || !alert.site || alert.site === state.site)).length;
  const waiting = [...state.emergencies.values()].filter((one) => one.status === "reported").length;
  return open + waiting ? `(${open + waiting}) ` : "";
}
