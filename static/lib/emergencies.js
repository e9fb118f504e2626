// Emergencies: what they are called, in which order they stand.

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

/** Metres in words; nothing where they were measured from no more than a hint: nobody is to be sent by a guess. */
export function distance(metres, isApproximate = false) {
  if (typeof metres !== "number" || isApproximate) return "";
  return metres < 1000 ? `${Math.round(metres / 10) * 10} m` : `${(metres / 1000).toFixed(1)} km`;
}
