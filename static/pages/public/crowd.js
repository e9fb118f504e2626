// How crowded a temple is: each zone with its level, its share and density, and what the next hours bring; for operators the heat map.

import { number, t } from "../../lib/i18n.js";
import { useResource } from "../../lib/resource.js";
import { ago, time } from "../../lib/time.js";
import { announce, html, useEffect } from "../../lib/ui.js";
import { CrowdZone } from "../../parts/crowd-zone.js";
import { HeatMap } from "../../parts/heatmap.js";
import { LEVELS, Level, RANK } from "../../parts/levels.js";
import { Empty, Fresh } from "../../parts/panel.js";
import { OfTemple, TempleTabs } from "../../parts/site-tabs.js";
import { hub, serverNow, store, useNow } from "../../state/live.js";
import { api } from "../../state/session.js";

const STALE_MS = 600_000;
const FORECAST_EVERY_MS = 300_000;
const PUBLIC_EVERY_MS = 30_000;
const PAST_MS = 6 * 3_600_000;

/** What an event tells of a zone. */
const pick = ({ count, capacity, percent_of_capacity, density, level, density_level, at }) => ({ count, capacity, percent_of_capacity, density, level, density_level, at });

/** The zones of a temple with their counts, past and to come, kept up to date by the feed. */
export function useCrowd(temple) {
  const path = `/api/crowd/temple/${encodeURIComponent(temple.slug)}`;
  const resource = useResource(async () => {
    const from = new Date(serverNow() - PAST_MS).toISOString();
    const [current, predictions, history] = await Promise.all([
      api.get(`${path}/current`),
      api.get(`${path}/predictions?hours=6`),
      api.all(`${path}/history?bucket=5m&limit=500&from=${encodeURIComponent(from)}`, 20_000),
    ]);
    return current.zones.map((document) => {
      const forecast = predictions.zones.find((one) => one.zone === document.zone);
      return {
        ...document,
        at: time(document.timestamp) ?? 0,
        past: history.filter((one) => one.zone === document.zone).map((one) => [(time(one.from) + time(one.to)) / 2, one.mean]),
        forecast: (forecast?.predictions ?? []).map((point) => ({ ...point, at: time(point.timestamp) })),
        accuracy: forecast?.accuracy ?? null,
      };
    });
  }, [path], { every: store.state.user ? FORECAST_EVERY_MS : PUBLIC_EVERY_MS, fed: true });
  useEffect(() => hub.on(["crowd"], (event) => {
    const zone = event?.temple_id === temple.slug && resource.data?.find((one) => one.zone === event.zone);
    const at = time(event?.timestamp) ?? 0;
    if (!zone || at < zone.at) return;
    if (zone.level !== event.level && RANK.indexOf(event.level) >= 2) announce(`${zone.name}: ${t(LEVELS[RANK.indexOf(event.level)].label)}`);
    // Another object, as what is given the same one is not drawn anew.
    const told = (one) => ({ ...one, ...pick({ ...event, at }), past: [...one.past, [at, event.count]] });
    resource.set((zones) => zones.map((one) => (one.zone === event.zone ? told(one) : one)));
  }), [resource.data]);
  return { path, resource };
}

/** All zones together: how many people, how full, the worst level, when last counted. */
export function total(zones) {
  const counted = zones.filter((zone) => zone.count !== null);
  const sized = counted.filter((zone) => zone.capacity);
  const sum = (items, of) => items.reduce((all, item) => all + of(item), 0);
  const capacity = sum(sized, (zone) => zone.capacity);
  return {
    counted: counted.length > 0,
    people: sum(counted, (zone) => zone.count),
    share: capacity ? sum(sized, (zone) => zone.count) / capacity : null,
    capacity,
    level: RANK[Math.max(-1, ...counted.map((zone) => RANK.indexOf(zone.level)))] ?? null,
    at: counted.length ? Math.max(...counted.map((zone) => zone.at)) : null,
  };
}

function Crowd({ temple }) {
  const now = useNow();
  const { path, resource } = useCrowd(temple);
  return html`<div class="page crowd-page">
    <section class="panel crowd-head" aria-labelledby="crowd-title">
      <div class="crowd-title"><h1 id="crowd-title">${t("Crowd at {site}", { site: temple.name })}</h1><${TempleTabs} shown=${temple} /></div>
      ${resource.data && html`<${Total} zones=${resource.data} now=${now} isStale=${resource.status === "stale"} />`}
      <p class="crowd-key"><span><i class="key-line"></i>${t("counted")}</span><span><i class="key-line key-ahead"></i>${t("expected")}</span>
        <span><i class="key-band"></i>${t("80 % range")}</span><span>${t("times of {site} ({zone})", { site: temple.name, zone: temple.time_zone })}</span></p>
    </section>
    <${Fresh} resource=${resource}>${(zones) => (zones.length === 0 ? html`<div class="panel"><${Empty}>${t("This temple has no zones yet.")}</${Empty}></div>` : html`<div class="crowd-zones">
      ${zones.map((zone) => html`<${CrowdZone} key=${zone.zone} zone=${zone} now=${now} stale=${now - zone.at > STALE_MS} timeZone=${temple.time_zone} />`)}</div>`)}
    </${Fresh}>
    ${store.state.operator && html`<${HeatMap} path=${path} />`}
  </div>`;
}

function Total({ zones, now, isStale }) {
  const all = total(zones);
  return html`<p class="crowd-now" data-stale=${isStale ? "true" : undefined}><strong class="crowd-total">${all.counted ? number(all.people) : "–"}</strong><span> ${t("people now")}</span>
    <span class="crowd-share">${all.share === null ? "" : `${Math.round(100 * all.share)} % ${t("of {n}", { n: number(all.capacity) })}`}</span><${Level} level=${all.level} />
    <span class="crowd-age">${all.at ? t("Last counted {ago}", { ago: ago(now - all.at) }) : t("Not counted yet")}</span></p>`;
}

/** The page. */
export default function CrowdPage() {
  return html`<${OfTemple}>${(temple) => html`<${Crowd} key=${temple.slug} temple=${temple} />`}</${OfTemple}>`;
}
