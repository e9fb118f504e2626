// How crowded, from least to most, and how it is shown.

import { arrange, attribute, h, icon } from "../dom.js";

export const LEVELS = [
  { key: "low", label: "Low", icon: "healthy", from: 0 },
  { key: "moderate", label: "Moderate", icon: "info", from: 0.3 },
  { key: "high", label: "High", icon: "warning", from: 0.6 },
  { key: "critical", label: "Critical", icon: "critical", from: 0.8 },
];

/** Shows a level in words, with its mark. */
export function levelBadge(element, level) {
  const known = LEVELS.find((one) => one.key === level);
  element.hidden = !known;
  if (!known || element.dataset.level === level) return;
  attribute(element, "data-level", level);
  arrange(element, [icon(known.icon, "level-icon"), h("span", {}, known.label)]);
}
