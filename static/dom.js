// Elements, built so that text is always text: there is no way here to hand in markup.

import { ICONS } from "./icons.js";

const SVG = "http://www.w3.org/2000/svg";

/**
 * An element. `props` are attributes, save `on` (listeners by event). False, null and undefined leave an attribute out, true sets an
 * empty one. Children are nodes or text; null and false are skipped.
 */
export function h(tag, props = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(props)) {
    if (name === "on") {
      for (const [event, listener] of Object.entries(value)) element.addEventListener(event, listener);
    } else {
      attribute(element, name, value);
    }
  }
  element.append(...children.flat().filter((child) => child !== null && child !== undefined && child !== false));
  return element;
}

/** Sets an attribute, or removes it, only when that changes something. */
export function attribute(element, name, value) {
  if (value === false || value === null || value === undefined) {
    if (element.hasAttribute(name)) element.removeAttribute(name);
    return;
  }
  const text = value === true ? "" : String(value);
  if (element.getAttribute(name) !== text) element.setAttribute(name, text);
}

/** Sets an element's text only when it differs, so that an idle second costs no layout. */
export function text(element, value) {
  const wanted = String(value);
  if (element.textContent !== wanted) element.textContent = wanted;
}

/** Gives `parent` exactly these children, and touches nothing when it has them: a focused child keeps its focus. */
export function arrange(parent, children) {
  const same = parent.childNodes.length === children.length && children.every((child, index) => parent.childNodes[index] === child);
  if (!same) parent.replaceChildren(...children);
}

/** An icon by its name; it is decoration, the words beside it say the same. */
export function icon(name, className = "icon") {
  const drawing = ICONS[name];
  const svg = document.createElementNS(SVG, "svg");
  svg.setAttribute("viewBox", "0 0 24 24");
  svg.setAttribute("class", `${className} ${drawing.filled ? "icon-filled" : "icon-line"}`);
  svg.setAttribute("aria-hidden", "true");
  const path = document.createElementNS(SVG, "path");
  path.setAttribute("d", drawing.path);
  if (drawing.filled) path.setAttribute("fill-rule", "evenodd");
  svg.append(path);
  return svg;
}

let announced = 0;

/** Has a screen reader say this, when it next pauses. */
export function announce(message) {
  const region = document.getElementById("announcer");
  // A no-break space at every other time: the same words twice would else not be read again.
  announced += 1;
  region.textContent = announced % 2 ? message : `${message}\u00a0`;
}
