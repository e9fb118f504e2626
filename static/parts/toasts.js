// Short notices beside the page. Critical ones interrupt a screen reader; none takes the focus away. They stand in a column of their own above
// the foot of the page, and can be undone where what they tell of can.

import { go } from "../lib/router.js";
import { t } from "../lib/i18n.js";
import { Icon, html, signal, useEffect, useRef } from "../lib/ui.js";
import { explained, reasons } from "./form.js";

const MOST = 3;
const SHOWN_MS = 12_000;

const shown = signal([]);
let numbers = 0;

/**
 * Shows one; its number. `to` is the address that "Show" leads to, and `focus` the id of an element there; `undo` takes back what was done, as
 * long as `canUndo()`.
 */
export function toast(notice) {
  numbers += 1;
  const one = { id: numbers, severity: "info", ...notice };
  shown.value = [...shown.value, one].slice(-MOST);
  return one.id;
}

/** Says that something was not done, and why; after a lost answer that nobody knows it: what is shown is then to be asked for anew. */
export function refused(error, title = t("Nothing was changed")) {
  if (error.status === 401) return;
  if (error.isUnknown) toast({ severity: "warning", title: t("It is not known whether that was done"), text: explained(error) });
  else toast({ severity: "warning", title, text: reasons(error) });
}

/** Says that something could not be had, and why. It was only read, so that a lost answer is no riddle. */
export function missed(error, title) {
  if (error.status !== 401) toast({ severity: "warning", title, text: explained(error) });
}

export const clearToasts = () => {
  shown.value = [];
};

/** Takes a notice away, by its number. */
export const dismiss = (id) => {
  shown.value = shown.value.filter((one) => one.id !== id);
};

/** Leads to an element, once the page that has it is drawn. */
export function lead(id, tries = 40) {
  const target = document.getElementById(id);
  if (target) {
    target.scrollIntoView({ block: "center" });
    target.focus({ preventScroll: true });
  } else if (tries > 0) {
    setTimeout(() => lead(id, tries - 1), 50);
  }
}

/** The notices. */
export function Toasts() {
  return html`<div class="toasts" id="toasts">${shown.value.map((one) => html`<${Toast} key=${one.id} notice=${one} />`)}</div>`;
}

function Toast({ notice }) {
  const { id, severity, title, text, to, focus, undo, canUndo } = notice;
  const timer = useRef(0);
  const start = (ms) => {
    clearTimeout(timer.current);
    timer.current = setTimeout(() => dismiss(id), ms);
  };
  // It stays while someone points at it or stands on it.
  const stay = () => clearTimeout(timer.current);
  useEffect(() => {
    start(SHOWN_MS);
    return stay;
  }, []);
  const show = () => {
    dismiss(id);
    if (to) go(to);
    if (focus) lead(focus);
  };
  const takeBack = () => {
    dismiss(id);
    undo();
  };
  return html`<div class="toast" data-severity=${severity} role=${severity === "critical" ? "alert" : "status"}
    onPointerEnter=${stay} onFocusIn=${stay} onPointerLeave=${() => start(SHOWN_MS / 2)} onFocusOut=${() => start(SHOWN_MS / 2)}>
    <${Icon} name=${severity} class="severity-icon" />
    <div class="toast-words"><strong>${title}</strong><p>${text}</p></div>
    ${undo && canUndo() && html`<button type="button" class="button button-quiet toast-undo" onClick=${takeBack}><${Icon} name="undo" /> ${t("Undo")}</button>`}
    ${(to || focus) && html`<button type="button" class="button button-quiet toast-show" onClick=${show}>${t("Show")}</button>`}
    <button type="button" class="button button-quiet" aria-label=${t("Dismiss")} onClick=${() => dismiss(id)}><${Icon} name="close" /></button>
  </div>`;
}
