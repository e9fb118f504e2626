// What the state means: counts of spots, the health of devices, the order of alerts. No elements, no network.

import { time } from "./time.js";

const RANKS = ["visitor", "device", "operator", "developer", "admin", "super_admin"];
const KEPT_ALERTS = 400;

/** Whether this user may see devices and alerts. */
export function isOperator(user) {
  return RANKS.indexOf(user?.role) >= RANKS.indexOf("operator");
}

/** Whether this user administers. */
export function isAdmin(user) {
  return RANKS.indexOf(user?.role) >= RANKS.indexOf("admin");
}

/** The roles that somebody of this role may give. */
export function rolesUpTo(role) {
  return RANKS.slice(0, RANKS.indexOf(role) + 1);
}

/** How many of these spots are in each state. */
export function countSpots(spots) {
  const counts = { total: 0, free: 0, occupied: 0, reserved: 0, out_of_service: 0 };
  for (const spot of spots) {
    counts.total += 1;
    if (spot.status in counts) counts[spot.status] += 1;
  }
  return counts;
}

/** How many of these devices are in each health. */
export function countDevices(devices) {
  const counts = { total: 0, healthy: 0, warning: 0, offline: 0, unknown: 0 };
  for (const one of devices) {
    counts.total += 1;
    counts[one.shown] += 1;
  }
  return counts;
}

/** The items of the chosen site; all of them when none is chosen. */
export function* ofSite(items, site) {
  for (const item of items) {
    if (!site || item.site === site) yield item;
  }
}

/** Zones with their spots, in the order of the plan. */
export function zonesWithSpots(state) {
  const zones = new Map();
  for (const zone of ofSite(state.zones, state.site)) {
    zones.set(zoneKey(zone), { ...zone, key: zoneKey(zone), spots: [] });
  }
  for (const spot of ofSite(state.spots.values(), state.site)) {
    const key = zoneKey(spot);
    if (!zones.has(key)) zones.set(key, { site: spot.site, zone: spot.zone, name: spot.zone, key, spots: [] });
    zones.get(key).spots.push(spot);
  }
  const filled = [...zones.values()].filter((zone) => zone.spots.length > 0);
  for (const zone of filled) {
    zone.spots.sort((a, b) => a.spot_id.localeCompare(b.spot_id, undefined, { numeric: true }));
  }
  return filled;
}

/** What names a zone among all sites. */
export function zoneKey({ site, zone }) {
  return `${site}/${String(zone).toUpperCase()}`;
}

/** Takes in a document, unless a newer state of it is here already; true when it was taken. */
export function takeNewer(documents, document) {
  if (!document?.id) return false;
  const known = documents.get(document.id);
  if (known && (time(known.updated_at) ?? 0) > (time(document.updated_at) ?? 0)) return false;
  documents.set(document.id, document);
  return true;
}

/** Takes in an alert, unless a newer state of it is here already; true when it was taken. */
export function takeAlert(alerts, document) {
  if (!takeNewer(alerts, document)) return false;
  if (alerts.size > KEPT_ALERTS) forgetOldest(alerts);
  return true;
}

function forgetOldest(alerts) {
  const resolved = newestFirst(alerts.values()).filter((alert) => alert.status === "resolved");
  for (const alert of resolved.slice(-50)) alerts.delete(alert.id);
}

/** Alerts, newest first: their ids are made of the time. */
export function newestFirst(alerts) {
  return [...alerts].sort((a, b) => (a.id < b.id ? 1 : a.id > b.id ? -1 : 0));
}

/** The alerts that concern a site: its own, and those that name none. */
export function alertsOfSite(alerts, site) {
  return newestFirst(alerts.values()).filter((alert) => !site || !alert.site || alert.site === site);
}

/** The temples, in the order of their names. */
export function temples(state) {
  return state.sites.filter((site) => site.kind === "temple");
}

/** The temple that a page is about: the chosen site when it is one, else the first. */
export function temple(state) {
  const all = temples(state);
  return all.find((site) => site.slug === state.site) ?? all[0] ?? null;
}
