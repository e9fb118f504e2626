// Filters of a page that somebody has kept by name, in this browser. A filter is what the address says after its question mark.

import { t } from "../lib/i18n.js";
import { go, route } from "../lib/router.js";
import { Icon, html, useState } from "../lib/ui.js";
import { Form, Sheet } from "./form.js";

const KEY = "gatehouse.filters";

/** By page, by name. */
function read() {
  try {
    return JSON.parse(localStorage.getItem(KEY)) ?? {};
  } catch {
    return {};
  }
}

/** The filters of a page as chips, and the way to keep the one that is set. */
export function KeptFilters({ page }) {
  const [naming, setNaming] = useState(false);
  // Read by each page anew: who signs in next finds none of the last one's.
  const [own, setOwn] = useState(() => read()[page] ?? {});
  const keep = (filters) => {
    localStorage.setItem(KEY, JSON.stringify({ ...read(), [page]: filters }));
    setOwn(filters);
  };
  const forget = (name) => {
    const { [name]: _, ...rest } = own;
    keep(rest);
  };
  return html`${Object.entries(own).map(([name, search]) => html`<span class="chip kept-filter" key=${name} aria-current=${location.search === search ? "page" : undefined}><button type="button" class="kept-go" onClick=${() => go(location.pathname + search)}>${name}</button>
      <button type="button" class="kept-forget" aria-label=${t("Forget {name}", { name })} onClick=${() => forget(name)}><${Icon} name="close" /></button></span>`)}
    ${route.value.query.size > 0 && !Object.values(own).includes(location.search) && html`<button type="button" class="chip" onClick=${() => setNaming(true)}><${Icon} name="plus" /> ${t("Keep this filter")}</button>`}
    ${naming && html`<${Sheet} title=${t("Keep this filter")} onClose=${() => setNaming(false)}><${Form} isNew fields=${[{ name: "name", label: t("Name of this filter"), required: true, maxlength: 40, wide: true }]}
      onCancel=${() => setNaming(false)} onSubmit=${async ({ name }) => { keep({ ...own, [name.trim()]: location.search }); setNaming(false); }} /></${Sheet}>`}`;
}
