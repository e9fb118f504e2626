// The console's pages: what each is called, who may open it, and which of them the address names.

import { temple } from "./model.js";
import { arrivalsPage } from "./views/arrivals.js";
import { broadcastsPage } from "./views/broadcasts.js";
import { crowdPage } from "./views/crowd.js";
import { darshanPage } from "./views/darshan.js";
import { emergenciesPage } from "./views/emergencies.js";
import { gatePage } from "./views/gate.js";
import { reservePage } from "./views/reserve.js";
import { shuttlesPage } from "./views/shuttles.js";

/**
 * A page is made when it is opened: `make(context)` gives `{ element, leave }`, and `leave()` (if any) ends what it began. `temples` marks
 * a page that is about one temple: the chosen site, or the first.
 */
export const PAGES = [
  { key: "parking", title: "Parking" },
  { key: "reserve", title: "Reserve", make: reservePage },
  { key: "arrivals", title: "Arrivals", make: arrivalsPage, operator: true },
  { key: "darshan", title: "Darshan", make: darshanPage },
  { key: "gate", title: "Gate", make: gatePage, operator: true, temples: true },
  { key: "crowd", title: "Crowd", make: crowdPage, temples: true },
  { key: "shuttles", title: "Shuttles", make: shuttlesPage, temples: true },
  { key: "emergencies", title: "Emergencies", make: emergenciesPage },
  { key: "broadcasts", title: "Broadcasts", make: broadcastsPage },
];

/** The pages that this user may open. */
export function pagesFor(operator) {
  return PAGES.filter((page) => operator || !page.operator);
}

/** The page that the address names (`#/crowd`); parking where it names none that may be opened. */
export function pageOf(hash, operator) {
  const key = /^#\/([a-z-]+)$/.exec(hash)?.[1];
  const pages = pagesFor(operator);
  return pages.find((page) => page.key === key) ?? pages[0];
}

/** What is told to open pages: `on(kinds, run)` gives back what ends it. `open` stands for a feed that (again) is complete from now on. */
export function createHub() {
  const listeners = new Set();
  return {
    on(kinds, run) {
      const listener = { kinds, run };
      listeners.add(listener);
      return () => listeners.delete(listener);
    },

    emit(kind, data) {
      for (const { kinds, run } of [...listeners]) {
        if (!kinds.includes(kind)) continue;
        try {
          run(data, kind);
        } catch (error) {
          reportError(error);
        }
      }
    },
  };
}

/**
 * Shows one page at a time in `slot`. `parking` stands for good, since what it shows is fed all the while; the others are made anew at
 * each visit, and when the temple that they are about is another.
 */
export function createPager(context, { slot, parking, onChange }) {
  const { store } = context;
  let shown = null;
  let current = null;
  let about = null;

  function show() {
    const page = pageOf(location.hash, store.state.operator);
    const wanted = page.temples ? temple(store.state)?.slug ?? null : null;
    if (page === shown && wanted === about) return;
    current?.leave?.();
    const moved = shown !== null && page !== shown;
    shown = page;
    about = wanted;
    current = page.make ? page.make({ ...context, temple: temple(store.state) }) : { element: parking };
    slot.replaceChildren(current.element);
    onChange(page);
    if (moved) {
      scrollTo(0, 0);
      slot.focus({ preventScroll: true });
    }
  }

  const follow = () => {
    // An address within the page is the browser's own affair.
    if (location.hash === "" || location.hash.startsWith("#/")) show();
  };
  addEventListener("hashchange", follow);
  const unsubscribe = store.subscribe(["site", "sites"], show);
  show();
  return {
    leave() {
      removeEventListener("hashchange", follow);
      unsubscribe();
      current?.leave?.();
      current = null;
    },
  };
}
