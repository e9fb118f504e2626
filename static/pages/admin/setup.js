// The first set-up, step by step: a site, its zones, their spots, the devices on them and the keys that these send with.

import { t } from "../../lib/i18n.js";
import { address, go, route } from "../../lib/router.js";
import { Icon, html, useState } from "../../lib/ui.js";
import { Form, reasons } from "../../parts/form.js";
import { Card, Fresh } from "../../parts/panel.js";
import { sitesResource } from "../../parts/site-tabs.js";
import { save } from "../../parts/table.js";
import { reload, store, useStore } from "../../state/live.js";
import { api } from "../../state/session.js";
import { SpotsForm, siteFields, zoneFields } from "./sites.js";

const STEPS = ["Site", "Zone", "Spots", "Devices and keys", "Done"];

function Devices({ site, zone, onDone }) {
  const state = useStore("spots");
  const [keys, setKeys] = useState([]);
  const [busy, setBusy] = useState(false);
  const [problem, setProblem] = useState(null);
  const spots = [...state.spots.values()].filter((one) => one.site === site && one.zone.toUpperCase() === zone.toUpperCase());
  const make = async () => {
    setBusy(true);
    setProblem(null);
    const made = [];
    for (const spot of spots) {
      try {
        await api.post("/api/devices/", { device_code: spot.spot_id, site, zone, spot_id: spot.spot_id }).catch((error) => {
          if (error.status !== 409) throw error;
        });
        made.push(await api.post(`/api/devices/${encodeURIComponent(spot.spot_id)}/credentials`, { label: t("First setup") }));
      } catch (error) {
        setProblem(`${spot.spot_id}: ${reasons(error)}`);
        break;
      }
    }
    setKeys((before) => [...before, ...made]);
    setBusy(false);
    reload("devices");
  };
  const saveKeys = () => save(new Blob([`device_code,key\n${keys.map((one) => `${one.device_code},${one.key}`).join("\n")}\n`], { type: "text/csv" }), `keys-${site}.csv`);
  return html`<p>${t("A sensor for each of the {n} spots of the zone, by the name of its spot, with a key of its own.", { n: spots.length })}</p>
    ${problem && html`<p class="form-error" role="alert">${problem}</p>`}
    ${keys.length === 0 ? html`<div class="form-buttons"><button type="button" class="button" onClick=${onDone}>${t("Later")}</button><button type="button" class="button button-main" aria-busy=${busy ? "true" : undefined} onClick=${make}>${t("Create devices and keys")}</button></div>`
      : html`<p><strong>${t("The keys are shown this once.")}</strong></p><div class="table-scroll"><table class="table"><thead><tr><th scope="col">${t("Device")}</th><th scope="col">${t("Key")}</th></tr></thead>
          <tbody>${keys.map((one) => html`<tr key=${one.id}><td>${one.device_code}</td><td><code>${one.key}</code></td></tr>`)}</tbody></table></div>
        <div class="form-buttons"><button type="button" class="button" onClick=${saveKeys}><${Icon} name="download" /> ${t("Save the keys")}</button><button type="button" class="button button-main" onClick=${onDone}>${t("Continue")}</button></div>`}`;
}

/** The page. Which step it is stands in the address, so that a reload goes on where one was. */
export default function SetupPage({ site: slug }) {
  const state = useStore("sites");
  const { query } = route.value;
  const site = state.sites.find((one) => one.slug === slug);
  const zone = query.get("zone") ?? "";
  // Whatever the address says: without a site there is the first step alone, without a zone none that is about one.
  const asked = Math.min(STEPS.length - 1, Math.max(0, Math.trunc(Number(query.get("step"))) || 0));
  const isLast = asked === STEPS.length - 1;
  const step = !site ? 0 : zone || isLast ? asked : Math.min(asked, 1);
  const to = (next, ofSite = slug, ofZone = zone) => go(address(ofSite, "setup", null, { step: next, zone: ofZone }));
  const makeSite = async (body) => {
    const made = await api.post("/api/sites", body);
    // Known before the list is loaded anew.
    store.set({ sites: [...state.sites, made] });
    reload("sites");
    to(1, made.slug, "");
  };
  const makeZone = async (body) => {
    const made = await api.post(`/api/sites/${encodeURIComponent(slug)}/zones`, body);
    reload("spots");
    to(2, slug, made.code);
  };
  const steps = [
    () => html`${state.sites.length > 0 && html`<div class="field"><label for="setup-site">${t("Continue with an existing site")}</label><select id="setup-site" value="" onChange=${(event) => event.target.value && to(1, event.target.value, "")}><option value="">–</option>${state.sites.map((one) => html`<option key=${one.slug} value=${one.slug}>${one.name}</option>`)}</select></div><p class="hint">${t("Or create a new one:")}</p>`}
      <${Form} isNew fields=${siteFields(true)} initial=${{ kind: "car_park", time_zone: Intl.DateTimeFormat().resolvedOptions().timeZone }} submit=${t("Create the site")} onSubmit=${makeSite} />`,
    () => html`<p class="hint">${t("A zone of {site}: a level of a car park, a hall of a temple.", { site: site.name })}</p><${Form} isNew fields=${zoneFields(true)} submit=${t("Create the zone")} onSubmit=${makeZone} />`,
    () => html`<${SpotsForm} site=${slug} zone=${zone} onDone=${() => to(3)} onCancel=${() => to(4)} cancel=${t("There are no spots here")} />`,
    () => html`<${Devices} site=${slug} zone=${zone} onDone=${() => to(4)} />`,
    () => html`<p>${t("{site} is set up. Its plan fills as soon as the first device speaks.", { site: site.name })}</p><div class="form-buttons"><button type="button" class="button" onClick=${() => to(1, slug, "")}>${t("Another zone")}</button><a class="button" href=${address(slug, "slots")}>${site.kind === "temple" ? t("Set the slots") : t("Set the tariff")}</a><a class="button button-main" href=${address(slug, site.kind === "temple" ? "crowd" : "parking")}>${site.kind === "temple" ? t("To its page") : t("To the plan")}</a></div>`,
  ];
  return html`<div class="page setup"><h1>${t("First setup")}</h1>
    <ol class="setup-steps">${STEPS.map((title, index) => html`<li key=${title} aria-current=${index === step ? "step" : undefined} data-done=${index < step ? "" : undefined}>${index < step ? html`<${Icon} name="check" />` : index + 1} ${t(title)}</li>`)}</ol>
    <${Card} title=${t(STEPS[step])} id="setup"><div class="panel-body"><${Fresh} resource=${sitesResource()}>${() => steps[step]()}</${Fresh}></div></${Card}></div>`;
}
