// Emergencies as the whole console knows them: those that are open, for operators, kept up to date by the feed; what they are called;
// in which order they stand.

import { time } from "./model.js";

export const TYPES = [
  ["medical", "Medical"],
  ["stampede", "Crowd crush"],
  ["fire", "Fire"],
  ["accident", "Accident"],
  ["missing_person", "Missing person"],
  ["security", "Security"],
  ["structural", "Structural"],
  ["other", "Something else"],
];

export const SEVERITIES = ["critical", "high", "medium", "low"];

export const STEPS = [
  ["reported", "Reported"],
  ["acknowledged", "Acknowledged"],
  ["in_progress", "In progress"],
  ["resolved", "Resolved"],
];

// How one ended that nobody had to help at.
export const WITHDRAWN = [
  ["cancelled", "Cancelled"],
  ["false_alarm", "False alarm"],
];

export const OVER = ["resolved", ...WITHDRAWN.map(([key]) => key)];

const KEPT_OVER = 20;

/** The label of a status; one that is not known here is shown as it came. */
export function statusLabel(status) {
  return [...STEPS, ...WITHDRAWN].find(([key]) => key === status)?.[1] ?? status;
}

/** The label of a type; one that is not known here is shown as it came. */
export function typeLabel(type) {
  return TYPES.find(([key]) => key === type)?.[1] ?? type;
}

/** The gravest first, of those the newest: ids are made of the time. */
export function gravestFirst(emergencies) {
  const rank = (emergency) => (SEVERITIES.indexOf(emergency.severity) + SEVERITIES.length) % SEVERITIES.length;
  return [...emergencies].sort((a, b) => rank(a) - rank(b) || (a.id < b.id ? 1 : a.id > b.id ? -1 : 0));
}

/** The temple that was chosen; null for all of them, and where what was chosen is no temple: nobody's call is hidden behind a car park. */
export function chosenTemple(state) {
  return state.sites.find((one) => one.slug === state.site && one.kind === "temple")?.slug ?? null;
}

/** Metres in words; `about` where they were measured from no more than a hint. */
export function distance(metres, isApproximate = false) {
  if (typeof metres !== "number") return "";
  if (isApproximate) return `about ${distance(metres)}`;
  return metres < 1000 ? `${Math.round(metres / 10) * 10} m` : `${(metres / 1000).toFixed(1)} km`;
}

/** How long it has been going on: `0:42`, `12:05`, `3 h 07`, `2 d`. */
export function lasting(ms) {
  const seconds = Math.max(0, Math.floor(ms / 1000));
  const two = (value) => String(value).padStart(2, "0");
  const minutes = Math.floor(seconds / 60);
  if (minutes < 60) return `${minutes}:${two(seconds % 60)}`;
  const hours = Math.floor(minutes / 60);
  return hours < 48 ? `${hours} h ${two(minutes % 60)}` : `${Math.floor(hours / 24)} d`;
}

/**
 * The emergencies that operators see. `known` maps ids to documents; `take` adds one that an answer has brought; `subscribe(run)` runs
 * after each change, with the new arrival if it is one, and gives back what ends it.
 */
export function createEmergencies({ api, hub }) {
  const known = new Map();
  const listeners = new Set();
  let loaded = false;
  let loading = null;
  let again = false;
  let left = false;

  function tell(arrived = null) {
    for (const run of [...listeners]) run(arrived);
  }

  function put(document) {
    const before = known.get(document.id);
    if (before && (time(before.updated_at) ?? 0) > (time(document.updated_at) ?? 0)) return false;
    known.set(document.id, document);
    return true;
  }

  function forgetOld() {
    const over = [...known.values()].filter((one) => OVER.includes(one.status)).sort((a, b) => (a.id < b.id ? 1 : -1));
    for (const one of over.slice(KEPT_OVER)) known.delete(one.id);
  }

  function load() {
    if (loading) {
      again = true;
      return;
    }
    const before = [...known.keys()];
    loading = Promise.all([
      api.all("/api/emergency/active?limit=500", 2000),
      ...OVER.map((status) => api.get(`/api/emergency/?status=${status}&limit=${KEPT_OVER}`).then((page) => page.items)),
    ])
      .then((lists) => {
        if (left) return;
        const documents = lists.flat();
        for (const document of documents) put(document);
        // What was known before and is in no list ended while nobody told us.
        const ids = new Set(documents.map((one) => one.id));
        for (const id of before) {
          if (!ids.has(id)) known.delete(id);
        }
        loaded = true;
        forgetOld();
        tell();
      })
      .catch(() => {})
      .finally(() => {
        loading = null;
        if (again && !left) {
          again = false;
          load();
        }
      });
  }

  const end = hub.on(["emergency", "open"], (document, kind) => {
    if (kind === "open") {
      load();
      return;
    }
    if (!document?.id || !document.reported_at) return;
    const isNew = !known.has(document.id);
    if (!put(document)) return;
    forgetOld();
    tell(isNew && document.status === "reported" ? document : null);
  });

  return {
    known,
    loaded: () => loaded,
    load,

    take(document) {
      if (put(document)) tell();
    },

    subscribe(run) {
      listeners.add(run);
      run(null);
      return () => listeners.delete(run);
    },

    leave() {
      left = true;
      end();
      listeners.clear();
    },
  };
}
