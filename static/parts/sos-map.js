// Where help is needed: a schematic map of the positions that were reported, north up, with the sites around them. No streets: no map library
// runs under the console's policy, and no tiles are loaded from elsewhere.

import { t } from "../lib/i18n.js";
import { html } from "../lib/ui.js";

const [WIDTH, HEIGHT, EDGE] = [600, 260, 40];
const NICE_M = [50, 100, 200, 500, 1000, 2000, 5000, 10_000, 50_000, 100_000, 200_000];
const M_PER_DEGREE = 111_320;

/** The map of `emergencies`; `onPick(id)`. */
export function SosMap({ emergencies, sites, picked, onPick }) {
  const placed = emergencies.filter((one) => one.location);
  if (placed.length === 0) return null;
  const near = sites.filter((site) => placed.some((one) => one.temple_id === site.slug));
  const points = [...placed.map((one) => [one.location.lat, one.location.lng]), ...near.map((site) => [site.latitude, site.longitude])];
  const lats = points.map(([lat]) => lat);
  const lngs = points.map(([, lng]) => lng);
  const [south, north, west, east] = [Math.min(...lats), Math.max(...lats), Math.min(...lngs), Math.max(...lngs)];
  const narrow = Math.cos((((south + north) / 2) * Math.PI) / 180);
  // Never so close that a step looks like a mile.
  const least = 300 / M_PER_DEGREE;
  const scale = Math.min((WIDTH - 2 * EDGE) / Math.max((east - west) * narrow, least), (HEIGHT - 2 * EDGE) / Math.max(north - south, least));
  const x = (lng) => WIDTH / 2 + (lng - (west + east) / 2) * narrow * scale;
  const y = (lat) => HEIGHT / 2 - (lat - (south + north) / 2) * scale;
  const perMetre = scale / M_PER_DEGREE;
  const bar = NICE_M.findLast((metres) => metres * perMetre < WIDTH / 4) ?? NICE_M[0];
  return html`<figure class="sos-map"><svg viewBox=${`0 0 ${WIDTH} ${HEIGHT}`} role="group" aria-label=${t("Where help is needed, north up")}>
    ${near.map((site) => html`<g key=${site.slug} class="sos-map-site"><rect x=${x(site.longitude) - 5} y=${y(site.latitude) - 5} width="10" height="10" rx="2" /><text x=${x(site.longitude) + 10} y=${y(site.latitude)}>${site.name}</text></g>`)}
    ${placed.map((one) => html`<g key=${one.id} class="sos-map-mark" data-severity=${one.severity} data-status=${one.status} data-approximate=${one.location_approximate ? "" : undefined} data-picked=${one.id === picked ? "" : undefined}
      onClick=${() => onPick(one.id)}><title>${`${t(one.type)}${one.location_approximate ? ` (${t("approximate")})` : ""}`}</title>
      ${one.location_approximate && html`<circle class="sos-map-area" cx=${x(one.location.lng)} cy=${y(one.location.lat)} r="22" />`}<circle cx=${x(one.location.lng)} cy=${y(one.location.lat)} r="8" /></g>`)}
    <g class="sos-map-scale"><path d=${`M${EDGE} ${HEIGHT - 14}h${bar * perMetre}`} /><text x=${EDGE} y=${HEIGHT - 22}>${bar < 1000 ? `${bar} m` : `${bar / 1000} km`}</text><text x=${WIDTH - EDGE} y=${HEIGHT - 14} text-anchor="end">N ↑</text></g>
  </svg></figure>`;
}
