// Sites and zones: where they are, how large, on whose clock; the spots of each zone; the plan of its floor, where the server keeps one.

import { KINDS, words } from "../../lib/format.js";
import { t } from "../../lib/i18n.js";
import { useResource } from "../../lib/resource.js";
import { address } from "../../lib/router.js";
import { Icon, html, useState } from "../../lib/ui.js";
import { FloorPlan } from "../../parts/floor-plan.js";
import { Form, Sheet } from "../../parts/form.js";
import { Panel } from "../../parts/panel.js";
import { Table } from "../../parts/table.js";
import { toast } from "../../parts/toasts.js";
import { makeSite, makeSpots, makeZone, zonesOf } from "../../state/first-setup.js";
import { freshnessOf, reload, useStore } from "../../state/live.js";
import { api } from "../../state/session.js";

const fresh = freshnessOf("sites");

/** The fields of a site. */
export function siteFields(isNew) {
  return [
    ...(isNew ? [{ name: "slug", label: t("Short name"), required: true, pattern: "[a-z0-9\\-]+", hint: t("In addresses: small letters, digits, hyphens. It stays.") }] : []),
    { name: "name", label: t("Name"), required: true },
    { name: "kind", label: t("Kind"), type: "select", options: ["car_park", "temple", "campus"].map((kind) => [kind, words(kind)]) },
    { name: "latitude", label: t("Latitude"), type: "number", step: "any", min: -90, max: 90, required: true }, { name: "longitude", label: t("Longitude"), type: "number", step: "any", min: -180, max: 180, required: true },
    { name: "time_zone", label: t("Time zone"), required: true, hint: "Asia/Kolkata" }, { name: "capacity", label: t("Capacity"), type: "number", min: 0, required: true },
  ];
}

/** The fields of a zone. */
export function zoneFields(isNew) {
  return [
    ...(isNew ? [{ name: "code", label: t("Code"), hint: t("Short, as on signs: B1. It stays."), required: true }] : []),
    { name: "name", label: t("Name"), required: true }, { name: "capacity", label: t("Capacity (people)"), type: "number", min: 0 }, { name: "area_m2", label: t("Area, m²"), type: "number", step: "any", min: 0 }, { name: "position", label: t("Order in lists"), type: "number", min: 0 },
  ];
}

/** Makes many spots at once: `B1-001` to `B1-040`. Pressed again after a failure it makes what is missing. */
export function SpotsForm({ site, zone, onDone, onCancel, cancel = undefined }) {
  const [progress, setProgress] = useState(null);
  const fields = [
    { name: "prefix", label: t("Names begin with"), required: true }, { name: "first", label: t("From number"), type: "number", min: 1, required: true }, { name: "count", label: t("How many"), type: "number", min: 1, max: 500, required: true },
    { name: "kind", label: t("Kind"), type: "select", options: Object.entries(KINDS).map(([key, label]) => [key, t(label)]) },
  ];
  const make = async ({ prefix, first, count, kind }) => {
    const codes = Array.from({ length: count }, (_, index) => `${prefix}${String(first + index).padStart(3, "0")}`);
    const said = (n) => t("{n} of {of} spots are there.", { n, of: count });
    setProgress(null);
    try {
      await makeSpots({ site, zone, kind, codes, onCount: (n) => setProgress({ said: said(n) }) });
    } catch (error) {
      setProgress((before) => ({ ...before, stopped: error.subject ?? "" }));
      throw error;
    } finally {
      reload("spots");
    }
    toast({ title: t("Spots"), text: said(count) });
    onDone();
  };
  return html`<${Form} isNew fields=${fields} initial=${{ prefix: `${zone.toUpperCase()}-`, first: 1, count: 10, kind: "standard" }} submit=${t("Create the spots")} onSubmit=${make} onCancel=${onCancel} cancel=${cancel}><${Progress} progress=${progress} /></${Form}>`;
}

/** How far many things are made: `{ said, stopped }`, the second which of them was not, once it has stopped there. */
export function Progress({ progress }) {
  if (!progress) return null;
  const { said, stopped } = progress;
  return html`<p class="hint" role="status">${said} ${stopped !== undefined && t("Press again: what is missing is made.")} ${stopped && t("It stopped at {name}.", { name: stopped })}</p>`;
}

function Zones({ site }) {
  const state = useStore("spots");
  const resource = useResource(() => zonesOf(site.slug), [site.slug]);
  const [edited, setEdited] = useState(null);
  const [spots, setSpots] = useState(null);
  const count = (code) => [...state.spots.values()].filter((one) => one.site === site.slug && one.zone.toUpperCase() === code.toUpperCase()).length;
  const submit = async (body) => {
    try {
      if (edited.created_at) await api.patch(`/api/sites/${encodeURIComponent(site.slug)}/zones/${encodeURIComponent(edited.code)}`, body);
      else await makeZone(site.slug, body);
      setEdited(null);
    } finally {
      resource.reload();
      reload("spots");
    }
  };
  const columns = [
    { title: t("Code"), cell: (one) => one.code }, { title: t("Name"), cell: (one) => one.name }, { title: t("Capacity"), number: true, cell: (one) => one.capacity ?? "–" }, { title: t("Area, m²"), number: true, cell: (one) => one.area_m2 ?? "–" }, { title: t("Spots"), number: true, cell: (one) => count(one.code) },
    { title: "", cell: (one) => html`<button type="button" class="button" onClick=${() => setEdited(one)}>${t("Change")}</button> <button type="button" class="button" onClick=${() => setSpots(one)}>${t("Add spots")}</button>` },
  ];
  return html`<${Panel} title=${t("Zones of {site}", { site: site.name })} id="zones" resource=${resource} actions=${html`<button type="button" class="button" onClick=${() => setEdited({})}><${Icon} name="plus" /> ${t("New zone")}</button>`}>${(rows) => html`<${Table} caption=${t("Zones")} columns=${columns} rows=${rows} rowId=${(one) => one.code} empty=${t("There are no zones yet.")} />`}
    ${edited && html`<${Sheet} title=${edited.created_at ? t("Change {name}", { name: edited.name }) : t("New zone")} onClose=${() => setEdited(null)}><${Form} fields=${zoneFields(!edited.created_at)} initial=${edited} isNew=${!edited.created_at} onSubmit=${submit} onCancel=${() => setEdited(null)} /></${Sheet}>`}
    ${spots && html`<${Sheet} title=${t("Add spots to {zone}", { zone: spots.name })} onClose=${() => setSpots(null)}><${SpotsForm} site=${site.slug} zone=${spots.code} onDone=${() => setSpots(null)} onCancel=${() => setSpots(null)} /></${Sheet}>`}
  </${Panel}>`;
}

/** The page. */
export default function SitesPage({ site: slug }) {
  const state = useStore("sites", "site");
  const [edited, setEdited] = useState(null);
  const site = state.sites.find((one) => one.slug === slug);
  const submit = async (body) => {
    try {
      if (edited.created_at) await api.patch(`/api/sites/${encodeURIComponent(edited.slug)}`, body);
      else await makeSite(body);
      setEdited(null);
    } finally {
      reload("sites");
    }
  };
  const columns = [
    { title: t("Name"), cell: (one) => html`<a href=${address(one.slug, "sites")}>${one.name}</a>` }, { title: t("Short name"), cell: (one) => one.slug }, { title: t("Kind"), cell: (one) => words(one.kind) }, { title: t("Time zone"), cell: (one) => one.time_zone }, { title: t("Capacity"), number: true, cell: (one) => one.capacity },
    { title: "", cell: (one) => html`<button type="button" class="button" onClick=${() => setEdited(one)}>${t("Change")}</button> <a class="button" href=${address(one.slug, "slots")}>${t("Slots and tariff")}</a>` },
  ];
  return html`<div class="page"><h1 class="visually-hidden">${t("Sites and zones")}</h1><${Panel} title=${t("Sites")} id="sites" resource=${{ ...fresh.value, reload: () => reload("sites") }}
      actions=${html`<a class="button button-quiet" href=${address(slug, "setup")}>${t("Step by step")}</a><button type="button" class="button" onClick=${() => setEdited({ kind: "car_park", time_zone: Intl.DateTimeFormat().resolvedOptions().timeZone })}><${Icon} name="plus" /> ${t("New site")}</button>`}>${() => html`<${Table} caption=${t("Sites")} columns=${columns} rows=${state.sites} rowId=${(one) => one.slug} rowProps=${(one) => ({ "aria-selected": one.slug === slug ? "true" : undefined, "data-site": one.slug })} />`}</${Panel}>
    ${site ? html`<${Zones} key=${site.slug} site=${site} /><${FloorPlan} key=${`plan-${site.slug}`} site=${site} />` : html`<p class="hint">${t("Choose a site to see its zones.")}</p>`}
    ${edited && html`<${Sheet} title=${edited.created_at ? t("Change {name}", { name: edited.name }) : t("New site")} onClose=${() => setEdited(null)} wide><${Form} fields=${siteFields(!edited.created_at)} initial=${edited} isNew=${!edited.created_at} onSubmit=${submit} onCancel=${() => setEdited(null)} /></${Sheet}>`}
  </div>`;
}
