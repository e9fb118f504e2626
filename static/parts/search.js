// Search over pages, devices, spots, sites and, on the server, bookings and people: ⌘K.

import { t } from "../lib/i18n.js";
import { backoff } from "../lib/resource.js";
import { address, go, route } from "../lib/router.js";
import { Icon, html, signal, useEffect, useRef, useState } from "../lib/ui.js";
import { ROUTES, mayOpen, rankOf } from "../routes.js";
import { store } from "../state/live.js";
import { api, user } from "../state/session.js";

const MOST = 8;
const PAUSE_MS = 250;
const WITHIN_MS = 8000;

const open = signal(false);

/** Opens the search. */
export const openSearch = () => {
  open.value = true;
};

/** ⌘K or Ctrl K opens it from anywhere. */
export function startSearch() {
  addEventListener("keydown", (event) => {
    if ((event.metaKey || event.ctrlKey) && event.key.toLowerCase() === "k" && user.value) {
      event.preventDefault();
      open.value = true;
    }
  });
}

/** What is known here already. */
function local(sought) {
  const { state } = store;
  const has = (...texts) => texts.some((text) => text?.toLowerCase().includes(sought));
  const role = user.value?.role;
  const site = route.value.site ?? null;
  return [
    ...ROUTES.filter((page) => mayOpen(page, role) && (page.for.length || rankOf(role) > 0) && has(t(page.title), page.key))
      .map((page) => ({ icon: page.icon, text: t(page.title), kind: t("Page"), to: address(site, page.key) })),
    ...state.sites.filter((one) => has(one.name, one.slug)).map((one) => ({ icon: "site", text: one.name, kind: t("Site"), to: address(one.slug, route.value.page || "home") })),
    ...(state.operator ? [...state.devices.values()].filter((one) => has(one.device_code, one.name)).slice(0, MOST)
      .map((one) => ({ icon: "device", text: one.device_code, kind: t("Device"), to: address(one.site, "devices", one.device_code) })) : []),
    ...(state.operator ? [...state.spots.values()].filter((one) => has(one.spot_id)).slice(0, MOST)
      .map((one) => ({ icon: "parking", text: one.spot_id, kind: t("Spot"), to: address(one.site, "parking", null, { spot: one.spot_id }) })) : []),
  ];
}

/** What of the server's is shown how, and where it leads. */
const KINDS = {
  booking: { icon: "ticket", kind: "Booking", to: (one) => address(one.site, "booking", one.id) },
  person: { icon: "person", kind: "Person", to: (one) => address(null, "users", null, { q: one.detail?.includes("@") ? one.detail : one.label }) },
};

/** What the server finds beside; null where it did not answer. */
async function remote(sought) {
  try {
    const { items } = await api.get(`/api/search?q=${encodeURIComponent(sought)}`, { within: WITHIN_MS });
    // Devices and spots are known here.
    return items.filter((one) => one.kind in KINDS).slice(0, MOST).map((one) => {
      const { icon, kind, to } = KINDS[one.kind];
      return { icon, text: one.detail ? `${one.label}, ${one.detail}` : one.label, kind: t(kind), to: to(one) };
    });
  } catch (error) {
    // A server may have no search, or none for this.
    return error.isAway ? null : [];
  }
}

/** The dialog. */
export function Search() {
  return open.value ? html`<${Open} />` : null;
}

function Open() {
  const dialog = useRef(null);
  const [sought, setSought] = useState("");
  const [found, setFound] = useState([]);
  const [at, setAt] = useState(0);
  // What the server does about it: nothing, `asked`, or `away`.
  const [server, setServer] = useState("");
  const close = () => {
    open.value = false;
  };
  useEffect(() => dialog.current.showModal(), []);
  useEffect(() => {
    const wanted = sought.trim().toLowerCase();
    const here = local(wanted).slice(0, 4 * MOST);
    setFound(here);
    setAt(0);
    setServer("");
    if (wanted.length < 3 || rankOf(user.value?.role) < 2) return undefined;
    let left = false;
    let timer = 0;
    // Again and again until it answers: what is not known is not said to be nothing.
    const ask = async (failures) => {
      const more = await remote(wanted);
      if (left) return;
      setFound([...here, ...(more ?? [])]);
      setServer(more === null ? "away" : "");
      if (more === null) timer = setTimeout(() => ask(failures + 1), backoff(failures));
    };
    setServer("asked");
    timer = setTimeout(() => ask(1), PAUSE_MS);
    return () => {
      left = true;
      clearTimeout(timer);
    };
  }, [sought]);
  const press = (event) => {
    if (event.key === "ArrowDown") setAt((index) => Math.min(found.length - 1, index + 1));
    else if (event.key === "ArrowUp") setAt((index) => Math.max(0, index - 1));
    else if (event.key === "Enter" && found[at]) {
      close();
      go(found[at].to);
    } else return;
    event.preventDefault();
  };
  return html`<dialog class="sheet search-dialog" aria-label=${t("Search")} ref=${dialog} onClose=${close} onClick=${(event) => event.target === dialog.current && close()}>
    <input type="search" id="search" role="combobox" aria-expanded="true" aria-controls="search-results" aria-activedescendant=${found[at] ? `found-${at}` : undefined} aria-label=${t("Search")}
      placeholder=${t("Pages, devices, spots, bookings, people")} autocomplete="off" value=${sought} onInput=${(event) => setSought(event.target.value)} onKeyDown=${press} />
    <div class="search-results" id="search-results" role="listbox" aria-label=${t("Results")}>
      ${found.map((one, index) => html`<a key=${one.to + one.text} id=${`found-${index}`} role="option" aria-selected=${index === at} href=${one.to} onClick=${close} tabindex="-1">
        <${Icon} name=${one.icon} /><span>${one.text}</span><span class="muted">${one.kind}</span></a>`)}
      ${server === "asked" && html`<p class="hint search-asked" role="status">${t("Looking for bookings and people…")}</p>`}
      ${server === "away" && html`<p class="stale-note" role="status"><${Icon} name="warning" /> ${t("Bookings and people could not be searched. Trying again…")}</p>`}
      ${found.length === 0 && server === "" && html`<p class="empty">${t("Nothing found.")}</p>`}
    </div>
  </dialog>`;
}
