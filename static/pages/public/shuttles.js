// The shuttles of a temple.

import { t } from "../../lib/i18n.js";
import { html } from "../../lib/ui.js";
import { ShuttleBoard } from "../../parts/shuttle-board.js";
import { OfTemple } from "../../parts/site-tabs.js";

/** The page. */
export default function ShuttlesPage() {
  return html`<${OfTemple}>${(temple) => html`<div class="page shuttles-page" key=${temple.slug}><h1 class="visually-hidden">${t("Shuttles")}</h1><${ShuttleBoard} temple=${temple} /></div>`}</${OfTemple}>`;
}
