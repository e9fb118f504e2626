// Which temple a page is about: the chosen site when it is one, else the first; and the way to the others.

import { t } from "../lib/i18n.js";
import { temple, temples } from "../lib/model.js";
import { address, route } from "../lib/router.js";
import { html, useEffect, useRef } from "../lib/ui.js";
import { freshnessOf, reload, useStore } from "../state/live.js";
import { Card, Empty, Fresh } from "./panel.js";

const sites = freshnessOf("sites");

/** How fresh the list of sites is, as panels take it. */
export const sitesResource = () => ({ ...sites.value, reload: () => reload("sites") });

/** The temples as tabs. */
export function TempleTabs({ shown }) {
  const state = useStore("sites");
  const all = temples(state);
  const row = useRef(null);
  // On a phone they are one row that scrolls: the one that is shown is in sight.
  useEffect(() => {
    const own = row.current?.querySelector("[aria-current]");
    if (own) row.current.scrollLeft = own.offsetLeft - row.current.offsetLeft - 16;
  }, [shown.slug, all.length]);
  if (all.length < 2) return null;
  return html`<nav class="temples" ref=${row} aria-label=${t("Temples")}>${all.map((one) => html`<a class="chip" key=${one.slug} data-temple=${one.slug}
    href=${address(one.slug, route.value.page, route.value.detail)} aria-current=${one.slug === shown.slug ? "page" : undefined}>${one.name}</a>`)}</nav>`;
}

/** Draws `children(temple)` for the temple of the page, made anew for another. */
export function OfTemple({ children }) {
  const state = useStore("sites", "site");
  const shown = temple(state);
  if (shown) return children(shown);
  return html`<div class="page"><${Card}><${Fresh} resource=${sitesResource()}>${() => html`<${Empty}>${t("There is no temple yet.")}</${Empty}>`}</${Fresh}></${Card}></div>`;
}
