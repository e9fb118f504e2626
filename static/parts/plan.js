// The plan: a card for each zone, a bay for each spot. Only the bays that changed are drawn again.

import { countSpots, zoneKey, zonesWithSpots } from "../lib/model.js";
import { KINDS, health, shortSpot, stateLabel } from "../lib/format.js";
import { plural, t } from "../lib/i18n.js";
import { Component, Icon, html, useMemo, useRef } from "../lib/ui.js";

const MARKS = { occupied: "car", reserved: "reserved", out_of_service: "closed" };
const STEPS = { ArrowRight: 1, ArrowLeft: -1, Home: -Infinity, End: Infinity };

/** A bay. Drawn again only when what it shows has changed. */
class Bay extends Component {
  shouldComponentUpdate(next) {
    return ["spot", "shown", "device", "pressed", "tabbable", "disabled", "note"].some((key) => next[key] !== this.props[key]);
  }

  componentDidUpdate(before) {
    if (before.spot.status === this.props.spot.status) return;
    const { element } = this;
    element.classList.remove("turned");
    // Asking for the layout lets the animation start again.
    void element.offsetWidth;
    element.classList.add("turned");
  }

  render({ spot, shown, device, pressed, tabbable, disabled, note }) {
    const words = [spot.spot_id, note ?? t(stateLabel(spot.status)), t(KINDS[spot.kind] ?? spot.kind)];
    if (device) words.push(`${t("device")} ${device} ${t(health(shown).label).toLowerCase()}`);
    return html`<button type="button" class="bay" data-spot=${spot.spot_id} data-state=${spot.status} data-kind=${spot.kind} tabindex=${tabbable ? "0" : "-1"}
      aria-pressed=${pressed} aria-disabled=${disabled ? "true" : undefined} title=${words.join(" · ")} ref=${(element) => { this.element = element; }}>
      <span class="bay-kind">${spot.kind !== "standard" && KINDS[spot.kind] && html`<${Icon} name=${spot.kind} class="kind-icon" />`}</span>
      <span class="bay-stale" data-health=${shown}>${shown && shown !== "healthy" && html`<${Icon} name=${health(shown).icon} class="health-icon" />`}</span>
      <span class="bay-mark">${MARKS[spot.status] && html`<${Icon} name=${MARKS[spot.status]} class="mark-icon" />`}</span>
      <span class="bay-number">${shortSpot(spot.spot_id)}</span><span class="visually-hidden">, ${words.join(", ")}</span>
    </button>`;
  }
}

/** The arrows lead through the bays of a zone, up and down by what stands there. */
function move(event) {
  const bays = [...event.currentTarget.querySelectorAll(".bay")];
  const from = bays.indexOf(document.activeElement);
  if (from < 0) return;
  let to = from;
  if (event.key in STEPS) {
    to = Math.min(bays.length - 1, Math.max(0, from + STEPS[event.key]));
  } else if (event.key === "ArrowDown" || event.key === "ArrowUp") {
    const place = bays[from].getBoundingClientRect();
    const down = event.key === "ArrowDown";
    const rows = bays.map((bay, index) => ({ index, box: bay.getBoundingClientRect() })).filter(({ box }) => (down ? box.top > place.top + 1 : box.top < place.top - 1));
    if (rows.length === 0) return;
    const row = (down ? Math.min : Math.max)(...rows.map(({ box }) => box.top));
    const nearest = rows.filter(({ box }) => Math.abs(box.top - row) < 1).sort((a, b) => Math.abs(a.box.left - place.left) - Math.abs(b.box.left - place.left))[0];
    to = nearest.index;
  } else {
    return;
  }
  event.preventDefault();
  bays[from].tabIndex = -1;
  bays[to].tabIndex = 0;
  bays[to].focus();
}

/**
 * The zones of `spots`. `picked` is the id of a spot; `onPick(id)`; `look(spot)` may give `{ status, disabled, note }`; `card(zone)` what stands
 * below a zone's bays.
 */
export function Plan({ state, devices, picked, onPick, look, card }) {
  const deviceOf = useMemo(() => {
    const map = new Map();
    for (const device of devices?.values() ?? []) if (device.spot_id) map.set(device.spot_id, device);
    return map;
  }, [devices, devices && state.deviceTurns]);
  const cards = useRef(new Map());
  // Sorted when spots come or go, not for each that turns.
  const order = useMemo(() => zonesWithSpots(state).map((zone) => ({ ...zone, ids: zone.spots.map((spot) => spot.spot_id) })), [state.spots, state.spots.size, state.zones, state.site]);
  const zones = order.map((zone) => ({ ...zone, spots: zone.ids.map((id) => state.spots.get(id)).filter(Boolean) }));
  const names = new Map(state.sites.map((site) => [site.slug, site.name]));
  const manySites = new Set(zones.map((zone) => zone.site)).size > 1;

  return html`<div class="zones">${zones.map((zone) => {
    const shown = zone.spots.map((spot) => {
      const seen = look?.(spot);
      return { spot: seen?.status && seen.status !== spot.status ? keep(cards.current, spot, seen.status) : spot, seen, device: devices && deviceOf.get(spot.spot_id) };
    });
    const counts = countSpots(shown.map(({ spot }) => spot));
    const first = zone.spots.find((spot) => spot.spot_id === picked) ?? zone.spots[0];
    const name = manySites ? `${names.get(zone.site)}, ${zone.name}` : zone.name;
    return html`<article class="zone panel" key=${zone.key} data-zone=${zoneKey(zone)}>
      <header class="zone-head"><div class="zone-name"><h3>${name}</h3>${zone.name.toUpperCase() !== zone.zone.toUpperCase() && html`<span class="zone-code">${zone.zone}</span>`}</div>
        <p class="zone-count"><strong class="zone-free">${counts.free}</strong>${` ${plural(counts.total, "of {n} free", "of {n} free")}`}</p></header>
      <div class="meter" aria-hidden="true"><span class="meter-part" style=${{ width: `${counts.total ? (100 * (counts.total - counts.free)) / counts.total : 0}%` }}></span></div>
      <div class="bays" role="group" aria-label=${t("Spots of {zone}", { zone: name })} onKeyDown=${move} onClick=${(event) => {
        const element = event.target.closest(".bay");
        if (element && !element.hasAttribute("aria-disabled")) onPick(element.dataset.spot);
      }}>
        ${shown.map(({ spot, seen, device }) => html`<${Bay} key=${spot.spot_id} spot=${spot} shown=${device?.shown} device=${device?.device_code}
          pressed=${spot.spot_id === picked} tabbable=${spot.spot_id === first.spot_id} disabled=${Boolean(seen?.disabled)} note=${seen?.note} />`)}
      </div>
      ${card?.(zone)}
    </article>`;
  })}</div>`;
}

/** The spot with another status: the same object each time, so that its bay is not drawn again for nothing. */
function keep(kept, spot, status) {
  const known = kept.get(spot.spot_id);
  if (known?.from === spot && known.as.status === status) return known.as;
  const as = { ...spot, status };
  kept.set(spot.spot_id, { from: spot, as });
  return as;
}
