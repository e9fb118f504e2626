// Addresses: `/console/s/{site}/{page}/{detail}?filter=…`. The site and the page are in the path, filters in the query, so that each view can
// be kept and shared, and back and forward work.

import { signal } from "./ui.js";

/** Stands for all sites in an address. */
export const ALL_SITES = "all";

/** What the address names: `{ kind: "site" | "account", site, page, detail, query }`. */
export const route = signal(read());

function read() {
  const parts = location.pathname.replace(/^\/console\/?/, "").split("/").filter(Boolean).map((part) => {
    try {
      return decodeURIComponent(part);
    } catch {
      return part;
    }
  });
  const query = new URLSearchParams(location.search);
  if (parts[0] === "account") return { kind: "account", site: null, page: parts[1] ?? "", detail: null, query };
  // Stripe's page sends people back there, knowing the reservation alone.
  if (parts[0] === "reservations") return { kind: "site", site: undefined, page: "paid", detail: parts[1] ?? null, query };
  // `#/gate` is how pages were named before they had addresses.
  const old = /^#\/([a-z-]+)$/.exec(location.hash)?.[1];
  if (parts[0] !== "s") return { kind: "site", site: undefined, page: old ?? "", detail: null, query };
  return { kind: "site", site: parts[1] === ALL_SITES ? null : parts[1], page: parts[2] ?? "", detail: parts[3] ?? null, query };
}

/** The address of a page. */
export function address(site, page, detail, query) {
  const path = ["/console/s", encodeURIComponent(site ?? ALL_SITES), page, detail && encodeURIComponent(detail)].filter(Boolean).join("/");
  const filters = new URLSearchParams(Object.entries(query ?? {}).filter(([, value]) => value !== null && value !== undefined && value !== ""));
  return filters.size ? `${path}?${filters}` : path;
}

/** Goes there. `replace` leaves no step to go back to. */
export function go(path, { replace = false } = {}) {
  if (path === location.pathname + location.search) return;
  history[replace ? "replaceState" : "pushState"](null, "", path);
  route.value = read();
}

/** Sets filters in the address of the page that is shown; an empty one is left out. */
export function setQuery(values) {
  const { site, page, detail, query } = route.value;
  go(address(site, page, detail, { ...Object.fromEntries(query), ...values }), { replace: true });
}

/** A link was clicked that the console can follow itself. */
function follow(event) {
  if (event.defaultPrevented || event.button !== 0 || event.metaKey || event.ctrlKey || event.shiftKey || event.altKey) return;
  const link = event.target.closest?.("a[href]");
  if (!link || link.target || link.hasAttribute("download") || link.origin !== location.origin) return;
  if (!/^\/console\/(s|account)\//.test(link.pathname)) return;
  event.preventDefault();
  go(link.pathname + link.search);
}

/** Follows links and the browser's own back and forward. */
export function startRouter() {
  addEventListener("popstate", () => {
    route.value = read();
  });
  document.addEventListener("click", follow);
}
