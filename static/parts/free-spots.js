// Where a car can stand now.

import { countSpots, ofSite } from "../lib/model.js";
import { number, t } from "../lib/i18n.js";
import { address } from "../lib/router.js";
import { html } from "../lib/ui.js";
import { freshnessOf, reload, useStore } from "../state/live.js";
import { Panel } from "./panel.js";

const places = freshnessOf("sites", "spots");

/** Car parks with the spots that are free now, the most first. */
export function FreeSpots() {
  const state = useStore("spots", "sites");
  const parks = state.sites.map((site) => ({ site, counts: countSpots(ofSite(state.spots.values(), site.slug)) })).filter(({ counts }) => counts.total > 0)
    .sort((a, b) => b.counts.free - a.counts.free);
  return html`<${Panel} title=${t("Free to park now")} id="free" resource=${{ ...places.value, reload: () => reload("sites", "spots") }}>${() => html`
    ${parks.length === 0 && html`<p class="empty">${t("There are no parking spots here.")}</p>`}
    <ul class="free-spots panel-body">${parks.map(({ site, counts }) => html`<li class="row" key=${site.slug}><span class="grow">${site.name}</span>
      <strong class="big">${number(counts.free)}</strong><span class="muted">${t("of {n}", { n: number(counts.total) })}</span>
      <a class="button" href=${address(site.slug, "book", "parking")}>${t("Reserve")}</a></li>`)}</ul>`}</${Panel}>`;
}
