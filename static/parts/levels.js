// How crowded, from least to most, and how it is shown.

import { t } from "../lib/i18n.js";
import { Icon, html } from "../lib/ui.js";

export const LEVELS = [
  { key: "low", label: "Low", icon: "healthy", from: 0 },
  { key: "moderate", label: "Moderate", icon: "info", from: 0.3 },
  { key: "high", label: "High", icon: "warning", from: 0.6 },
  { key: "critical", label: "Critical", icon: "critical", from: 0.8 },
];

export const RANK = LEVELS.map((level) => level.key);

/** A level in words, with its mark. */
export function Level({ level }) {
  const known = LEVELS.find((one) => one.key === level);
  return known ? html`<span class="level" data-level=${level}><${Icon} name=${known.icon} class="level-icon" /><span>${t(known.label)}</span></span>` : null;
}
