// Getting there: the shuttles of the temple, and where a car can stand now.

import { t } from "../../lib/i18n.js";
import { html } from "../../lib/ui.js";
import { FreeSpots } from "../../parts/free-spots.js";
import { ShuttleBoard } from "../../parts/shuttle-board.js";
import { OfTemple } from "../../parts/site-tabs.js";

/** The page. */
export default function WayPage() {
  return html`<${OfTemple}>${(temple) => html`<div class="page way-page shuttles-page" key=${temple.slug}><h1 class="visually-hidden">${t("Getting there")}</h1>
    <${ShuttleBoard} temple=${temple} /><${FreeSpots} /></div>`}</${OfTemple}>`;
}
