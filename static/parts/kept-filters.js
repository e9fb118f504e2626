// Filters of a page that somebody has kept by name, in this browser. A filter is what the address says after its question mark.

import { t } from "../lib/i18n.js";
import { go, route } from "../lib/router.js";
import { Icon, html, signal, useState } from "../lib/ui.js";
import { Form, Sheet } from "./form.js";

const KEY = "gatehouse.filters";

/** By page, by name. */
const kept = signal(read());

function read() {
  try {
    return JSON.parse(localStorage.getItem(KEY)) ?? {};
  } catch {
    return {};
  }
}

function keep(page, filters) {
  kept.value = { ...kept.value, [page]: filters };
  localStorage.setItem(KEY, JSON.stringify(kept.value));
}

/** The filters of a page as chips, and the way to keep the one that is set. */
export function KeptFilters({ page }) {
  const [naming, setNaming] = useState(false);
  const own = kept.value[page] ?? {};
  const forget = (name) => {
    const { [name]: _, ...rest } = own;
    keep(page, rest);
  };
  return html`${Object.entries(own).map(([name, search]) => html`<span class="chip kept-filter" key=${name} aria-current=${location.search === search ? "page" : undefined}><button type="button" class="kept-go" onClick=${() => go(location.pathname + search)}>${name}</button>
      <button type="button" class="kept-forget" aria-label=${t("Forget {name}", { name })} onClick=${() => forget(name)}><${Icon} name="close" /></button></span>`)}
    ${route.value.query.size > 0 && !Object.values(own).includes(location.search) && html`<button type="button" class="chip" onClick=${() => setNaming(true)}><${Icon} name="plus" /> ${t("Keep this filter")}</button>`}
    ${naming && html`<${Sheet} title=${t("Keep this filter")} onClose=${() => setNaming(false)}><${Form} isNew fields=${[{ name: "name", label: t("Name of this filter"), required: true, maxlength: 40, wide: true }]}
      onCancel=${() => setNaming(false)} onSubmit=${async ({ name }) => { keep(page, { ...own, [name.trim()]: location.search }); setNaming(false); }} /></${Sheet}>`}`;
}
