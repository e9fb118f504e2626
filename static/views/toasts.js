// Short notices over the page. Critical ones interrupt a screen reader; none takes the focus away.

import { h, icon } from "../dom.js";

const MOST = 3;
const SHOWN_MS = 12_000;

/** Notices in `region`. */
export function createToasts(region) {
  function remove(toast) {
    toast.remove();
  }

  return {
    /** Shows one; with `focus`, the id of an element that it leads to, on the page `page` where that is another than the one shown. */
    show({ severity, title, text, focus, page }) {
      const go = async () => {
        if (page && location.hash !== page) {
          location.hash = page;
          // The page is made when the address has changed.
          await new Promise((done) => setTimeout(done, 100));
        }
        const target = document.getElementById(focus);
        target?.scrollIntoView({ block: "center" });
        target?.focus({ preventScroll: true });
        remove(toast);
      };
      const toast = h("div", { class: "toast", "data-severity": severity, role: severity === "critical" ? "alert" : "status" },
        icon(severity, "severity-icon"),
        h("div", { class: "toast-words" }, h("strong", {}, title), h("p", {}, text)),
        focus ? h("button", { type: "button", class: "button button-quiet", on: { click: go } }, "Show") : null,
        h("button", { type: "button", class: "button button-quiet", "aria-label": "Dismiss", on: { click: () => remove(toast) } }, icon("close")),
      );
      // It stays while someone points at it or stands on it.
      let timer = setTimeout(() => remove(toast), SHOWN_MS);
      const stay = () => clearTimeout(timer);
      const goOn = () => {
        clearTimeout(timer);
        timer = setTimeout(() => remove(toast), SHOWN_MS / 2);
      };
      toast.addEventListener("pointerenter", stay);
      toast.addEventListener("focusin", stay);
      toast.addEventListener("pointerleave", goOn);
      toast.addEventListener("focusout", goOn);
      region.append(toast);
      while (region.children.length > MOST) region.firstElementChild.remove();
    },

    /** Removes them all. */
    clear() {
      region.replaceChildren();
    },
  };
}
