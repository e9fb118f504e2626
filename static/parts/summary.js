// The numbers that are read from across the room: spots by state with their shares, and how many devices are well.

import { HEALTHS, STATES, percent } from "../lib/format.js";
import { t } from "../lib/i18n.js";
import { countDevices, countSpots, ofSite } from "../lib/model.js";
import { Icon, html } from "../lib/ui.js";
import { useStore } from "../state/live.js";

/** The devices by their health. */
export function Fleet() {
  const state = useStore("devices", "site");
  const counts = countDevices(ofSite(state.devices.values(), state.site));
  if (counts.total === 0) return null;
  return html`<ul class="fleet" aria-label=${t("Devices by health")}>${HEALTHS.toReversed().filter(({ key }) => key !== "unknown" || counts.unknown > 0).map(({ key, label, icon }) => html`<li key=${key} data-health=${key}>
    <${Icon} name=${icon} class="health-icon" /><strong>${counts[key]}</strong><span> ${t(label).toLowerCase()}</span></li>`)}</ul>`;
}

/** The summary of a site, or of all. */
export function Summary() {
  const state = useStore("spots", "site", "sites");
  const counts = countSpots(ofSite(state.spots.values(), state.site));
  const name = state.sites.find((site) => site.slug === state.site)?.name ?? t("All sites");
  return html`<section class="panel summary" aria-labelledby="summary-title">
    <div class="summary-head"><h2 id="summary-title">${name}</h2>${state.operator && html`<${Fleet} />`}</div>
    <ul class="figures">${STATES.map(({ key, label }) => html`<li class="figure" key=${key} data-state=${key}><span class="figure-label"><span class="swatch" data-state=${key}></span>${t(label)}</span>
      <span class="figure-line"><span class="figure-value">${counts[key]}</span><span class="figure-share">${key === "free" ? t("of {n}", { n: counts.total }) : percent(counts[key], counts.total)}</span></span></li>`)}</ul>
    <div class="shares" aria-hidden="true">${STATES.filter(({ key }) => counts[key] > 0).map(({ key }) => html`<span class="share" key=${key} data-state=${key} style=${{ flexGrow: String(counts[key]) }}></span>`)}</div>
  </section>`;
}
