// A panel: its title, what it shows, and how fresh that is.

import { t } from "../lib/i18n.js";
import { useFreshness } from "../lib/resource.js";
import { clock } from "../lib/time.js";
import { Icon, cx, html, useEffect, useId, useState } from "../lib/ui.js";
import { explained } from "./form.js";

// Whoever waits for longer than this is told that it is not they.
const SLOW_MS = 5000;

/** A panel without data of its own. */
export function Card({ title, id, class: className, actions, children, level = 2, ...rest }) {
  const own = useId();
  const titleId = id ? `${id}-title` : own;
  const Heading = `h${level}`;
  return html`<section class=${cx("panel", className)} id=${id} aria-labelledby=${title ? titleId : undefined} ...${rest}>
    ${title && html`<header class="panel-head"><${Heading} id=${titleId} tabindex="-1">${title}</${Heading}>${actions && html`<div class="panel-actions">${actions}</div>`}</header>`}
    ${children}
  </section>`;
}

/** Grey bars where data will be; after a while with words, and with a button where `onRetry` asks again. */
export function Skeleton({ rows = 4, onRetry }) {
  const [slow, setSlow] = useState(false);
  useEffect(() => {
    const timer = setTimeout(() => setSlow(true), SLOW_MS);
    return () => clearTimeout(timer);
  }, []);
  return html`<div class="skeleton" role="status">${slow ? html`<p class="slow-note"><${Icon} name="refresh" /> <span>${t("The server takes its time. Still waiting…")}</span>
      ${onRetry && html`<button type="button" class="button" onClick=${onRetry}>${t("Try again")}</button>`}</p>` : html`<span class="visually-hidden">${t("Loading…")}</span>`}
    ${Array.from({ length: rows }, (_, index) => html`<span class="skeleton-row" key=${index} aria-hidden="true"></span>`)}</div>`;
}

/** What is said of data that could not be loaded, or that is older than it should be. */
export function Stale({ resource }) {
  if (resource.status === "stale") {
    const at = resource.at ? clock(resource.at) : "–";
    return html`<p class="stale-note" role="status"><${Icon} name="refresh" /> ${t("As of {at} – retrying", { at })}</p>`;
  }
  return null;
}

/** The error of what was never loaded, with a button that asks again. */
export function Failed({ resource, what }) {
  return html`<div class="failed" role="alert">
    <p><${Icon} name="warning" /> <strong>${what ?? t("This could not be loaded.")}</strong> ${resource.error && explained(resource.error)}</p>
    <button type="button" class="button" aria-busy=${resource.busy ? "true" : undefined} onClick=${() => resource.reload?.()}><${Icon} name="refresh" /> ${t("Try again")}</button>
  </div>`;
}

/** What a resource has, by its freshness: a skeleton, the data, the data dimmed, or the error. */
export function Fresh({ resource, rows, what, children }) {
  useFreshness(resource.status);
  if (resource.status === "loading") return html`<${Skeleton} rows=${rows} onRetry=${resource.reload} />`;
  if (resource.status === "failed") return html`<${Failed} resource=${resource} what=${what} />`;
  return html`<${Stale} resource=${resource} />
    <div class="fresh" data-stale=${resource.status === "stale" ? "true" : undefined}>${[children].flat().map((child) => (typeof child === "function" ? child(resource.data) : child))}</div>`;
}

/** A panel that shows a resource. */
export function Panel({ resource, rows, what, children, ...card }) {
  return html`<${Card} ...${card} aria-busy=${resource.status === "loading" ? "true" : undefined} data-freshness=${resource.status}>
    <${Fresh} resource=${resource} rows=${rows} what=${what}>${children}</${Fresh}>
  </${Card}>`;
}

/** What stands where there is nothing: in words, with what can be done about it. */
export function Empty({ children, action }) {
  return html`<div class="empty"><p>${children}</p>${action}</div>`;
}
