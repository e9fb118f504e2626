// What every part of the console is made of: elements as templates, state as signals, icons. Text is always text: nothing here takes markup.

import { ICONS } from "./icons.js";
import { html } from "../vendor/console/preact.js";

export {
  Component, Fragment, batch, computed, createContext, effect, html, render, signal, untracked, useCallback, useContext, useEffect,
  useErrorBoundary, useId, useLayoutEffect, useMemo, useRef, useSignal, useState,
} from "../vendor/console/preact.js";

/** An icon by its name. It is decoration: the words beside it say the same. */
export function Icon({ name, class: className = "icon" }) {
  const drawing = ICONS[name] ?? ICONS.info;
  return html`<svg viewBox="0 0 24 24" class=${`${className} ${drawing.filled ? "icon-filled" : "icon-line"}`} aria-hidden="true">
    <path d=${drawing.path} fill-rule=${drawing.filled ? "evenodd" : undefined} />
  </svg>`;
}

let announced = 0;

/** Has a screen reader say this, when it next pauses. */
export function announce(message) {
  const region = document.getElementById("announcer");
  if (!region) return;
  // A no-break space at every other time: the same words twice would else not be read again.
  announced += 1;
  region.textContent = announced % 2 ? message : `${message}\u00a0`;
}

/** Classes, without those that are false. */
export const cx = (...names) => names.filter(Boolean).join(" ");

/** What each file's content is, by its address, as the page's import map has it; modules are held to it by the browser itself. */
const integrity = () => JSON.parse(document.querySelector("script[type='importmap']")?.textContent ?? "{}").integrity ?? {};

/** Adds a style sheet of the console, once; when it is there, or cannot be had. */
export function addSheet(path) {
  const { pathname } = new URL(import.meta.resolve(path));
  if (document.querySelector(`link[href="${pathname}"]`)) return null;
  return new Promise((done) => {
    const link = document.createElement("link");
    link.rel = "stylesheet";
    link.href = pathname;
    link.integrity = integrity()[pathname] ?? "";
    link.addEventListener("load", done);
    link.addEventListener("error", done);
    document.head.append(link);
  });
}
