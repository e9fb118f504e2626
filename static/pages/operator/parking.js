// Parking: the summary, the plan, and the spot that was picked.

import { KINDS, health, quantity, stateLabel } from "../../lib/format.js";
import { t } from "../../lib/i18n.js";
import { isAdmin, zoneKey } from "../../lib/model.js";
import { address, route, setQuery } from "../../lib/router.js";
import { ago } from "../../lib/time.js";
import { Icon, html, useEffect } from "../../lib/ui.js";
import { FloorView, useFloorPlan } from "../../parts/floor-plan.js";
import { Empty, Fresh, Panel } from "../../parts/panel.js";
import { Plan } from "../../parts/plan.js";
import { Summary } from "../../parts/summary.js";
import { refused } from "../../parts/toasts.js";
import { freshnessOf, reload, useNow, useStore } from "../../state/live.js";
import { api } from "../../state/session.js";

const fresh = freshnessOf("sites", "spots", "devices");

/** What is known of the spot that was picked. */
function SpotCard({ spot, device, user }) {
  const now = useNow();
  const facts = [
    ["State", t(stateLabel(spot.status))], ["Kind", t(KINDS[spot.kind] ?? spot.kind)],
    ...(device ? [["Device", html`<a href=${address(device.site, "devices", device.device_code)}>${device.device_code}</a>`], ["Health", t(health(device.shown).label)], ["Last seen", device.seen === null ? t("never") : ago(now - device.seen)],
      ["Supply", typeof device.voltage === "number" ? `${quantity(device.voltage, "V")} · ${quantity(device.power_w, "W")}` : "–"]] : []),
  ];
  const turn = async () => {
    try {
      await api.patch(`/api/spots/${encodeURIComponent(spot.spot_id)}`, { status: spot.status === "out_of_service" ? "in_service" : "out_of_service" });
    } catch (error) {
      refused(error);
      reload("spots");
    }
  };
  return html`<div class="spot-card" role="group" aria-label=${t("The picked spot")}>
    <div class="spot-card-head"><strong>${spot.spot_id}</strong><button type="button" class="button button-quiet" aria-label=${t("Close")} onClick=${() => setQuery({ spot: "" })}><${Icon} name="close" /></button></div>
    <dl class="facts">${facts.map(([name, value]) => html`<div key=${name}><dt>${t(name)}</dt><dd>${value}</dd></div>`)}</dl>
    ${isAdmin(user) && html`<div class="form-buttons"><button type="button" class="button" onClick=${turn}>${spot.status === "out_of_service" ? t("Put back in service") : t("Take out of service")}</button></div>`}
  </div>`;
}

/** The page. */
export default function ParkingPage({ site }) {
  const state = useStore("spots", "zones", "site", "sites", "devices");
  const picked = route.value.query.get("spot");
  const spot = picked && state.spots.get(picked);
  const devices = [...state.devices.values()];
  const floor = useFloorPlan(site);
  const pick = (id) => setQuery({ spot: id === picked ? "" : id });
  // Who comes from elsewhere sees the spot that the address names.
  useEffect(() => {
    if (spot) document.querySelector(`.bay[data-spot="${CSS.escape(picked)}"]`)?.scrollIntoView({ block: "nearest" });
  }, [Boolean(spot)]);
  const resource = { ...fresh.value, reload: () => reload("sites", "spots", "devices") };
  const card = (zone) => spot && zoneKey(spot) === zone.key && html`<${SpotCard} spot=${spot} device=${devices.find((device) => device.spot_id === spot.spot_id)} user=${state.user} />`;
  return html`<div class="page parking-page" onKeyDown=${(event) => event.key === "Escape" && picked && setQuery({ spot: "" })}>
    <h1 class="visually-hidden">${t("Parking")}</h1>
    <${Fresh} resource=${resource} rows=${8} what=${t("The plan could not be loaded.")}>${() => html`<div class="columns"><${Summary} />
      ${(floor.status === "failed" || (floor.data && !floor.data.none)) && html`<${Panel} title=${t("Floor plan")} id="floor" resource=${floor}>${(plan) => html`<div class="panel-body"><${FloorView} plan=${plan} picked=${picked} onPick=${pick} /></div>`}</${Panel}>`}
      <section class="plan" id="plan" aria-labelledby="plan-title" tabindex="-1"><h2 id="plan-title" class="visually-hidden">${t("Plan of spots")}</h2>
        ${[...state.spots.values()].some((one) => !state.site || one.site === state.site)
          ? html`<${Plan} state=${state} devices=${state.devices} picked=${picked} onPick=${pick} card=${card} />`
          : html`<div class="panel"><${Empty} action=${isAdmin(state.user) && html`<a class="button button-main" href=${address(state.site, "setup")}>${t("Set up a car park")}</a>`}>${t("There are no parking spots here.")}</${Empty}></div>`}
      </section></div>`}</${Fresh}>
  </div>`;
}
