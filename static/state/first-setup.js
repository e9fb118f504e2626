// What a first set-up makes, one after another. What is there already counts as made and is looked up first: each step can be taken again after
// a failure, a reload or a lost answer, and makes what is missing only.

import { isAsAsked, plain } from "../lib/same.js";
import { remove, settle } from "./once.js";
import { api, user } from "./session.js";

const isIn = (one, site, zone) => plain(one.site) === plain(site) && plain(one.zone) === plain(zone);

/** A site, or the same one that is there already. */
export const makeSite = (body) => settle(() => api.post("/api/sites", body), `/api/sites/${encodeURIComponent(body.slug)}`, (site) => isAsAsked(site, body));

const zonesPath = (site) => `/api/sites/${encodeURIComponent(site)}/zones`;

/** The zones of a site. */
export const zonesOf = (site) => api.all(`${zonesPath(site)}?limit=200`);

/** A zone, or the same one that is there already; its code. */
export async function makeZone(site, body) {
  const found = (page) => page.items.find((zone) => isAsAsked(zone, body));
  const made = await settle(() => api.post(zonesPath(site), body), `${zonesPath(site)}?limit=500`, found);
  return made.code ?? found(made).code;
}

/** The codes of the spots of a zone. */
export async function spotsOf(site, zone) {
  const spots = await api.all(`/api/spots?${new URLSearchParams({ site, zone, limit: "500" })}`);
  return spots.map((one) => one.spot_id);
}

/** A refusal that says which of many it was. */
const about = (subject, error) => Object.assign(error, { subject });

/** The spots of these codes; `onCount(n)` hears how many are there. What stops it is thrown, with the code as its `subject`. */
export async function makeSpots({ site, zone, kind, codes, onCount }) {
  const there = new Set((await spotsOf(site, zone)).map(plain));
  const count = () => onCount(codes.filter((code) => there.has(plain(code))).length);
  count();
  for (const spot_id of codes) {
    if (there.has(plain(spot_id))) continue;
    try {
      await settle(() => api.post("/api/spots", { spot_id, site, zone, kind }), `/api/spots/${encodeURIComponent(spot_id)}`, (spot) => isIn(spot, site, zone));
    } catch (error) {
      throw about(spot_id, error);
    }
    there.add(plain(spot_id));
    count();
  }
}

/**
 * A device with a key on each of these spots. A key is shown once: `onKey(key)` gets each as it is made, and `onCount(n)` hears how many devices
 * have one. `lost` has the devices whose key was asked for without an answer: such a key nobody has read, so that it is revoked for another; it
 * is known by its `label`, which no other set-up gives. A device that has a key of somebody else keeps it.
 */
export async function makeKeys({ site, zone, spots, label, lost, onKey, onCount }) {
  const devices = await api.all(`/api/devices?${new URLSearchParams({ site, limit: "500" })}`);
  const onSpot = new Map(devices.map((one) => [plain(one.spot_id), one.device_code]));
  let count = 0;
  for (const spot_id of spots) {
    const code = onSpot.get(plain(spot_id)) ?? spot_id;
    const path = `/api/devices/${encodeURIComponent(code)}`;
    const isHere = (device) => isIn(device, site, zone) && plain(device.spot_id) === plain(spot_id);
    try {
      if (!onSpot.has(plain(spot_id))) await settle(() => api.post("/api/devices/", { device_code: code, site, zone, spot_id }), path, isHere);
      await makeKey(code, `${path}/credentials`, label, lost, onKey);
    } catch (error) {
      throw about(code, error);
    }
    count += 1;
    onCount(count);
  }
}

async function makeKey(code, path, label, lost, onKey) {
  const live = (await api.all(`${path}?limit=100`)).filter((one) => !one.revoked_at);
  const unread = live.filter((key) => lost.has(code) && key.label === label && key.created_by === user.value.id);
  for (const one of unread) await remove(`${path}/${encodeURIComponent(one.id)}`);
  lost.delete(code);
  if (live.length > unread.length) return;
  lost.add(code);
  try {
    onKey(await api.post(path, { label }));
    lost.delete(code);
  } catch (error) {
    if (!error.isUnknown) lost.delete(code);
    throw error;
  }
}
