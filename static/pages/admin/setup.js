// The first set-up, step by step: a site, its zones, their spots, the devices on them and the keys that these send with.

import { t } from "../../lib/i18n.js";
import { address } from "../../lib/router.js";
import { Icon, html, useState } from "../../lib/ui.js";
import { Form, reasons } from "../../parts/form.js";
import { Card } from "../../parts/panel.js";
import { save } from "../../parts/table.js";
import { toast } from "../../parts/toasts.js";
import { reload, useStore } from "../../state/live.js";
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

/** The page. */
export default function SetupPage() {
  const state = useStore("sites");
  const [step, setStep] = useState(0);
  const [site, setSite] = useState(null);
  const [zone, setZone] = useState(null);
  const next = () => setStep((before) => before + 1);
  const makeSite = async (body) => {
    const made = await api.post("/api/sites", body);
    reload("sites");
    setSite(made);
    toast({ title: t("Site"), text: made.name });
    next();
  };
  const makeZone = async (body) => {
    setZone(await api.post(`/api/sites/${encodeURIComponent(site.slug)}/zones`, body));
    reload("spots");
    next();
  };
  return html`<div class="page setup"><h1>${t("First setup")}</h1>
    <ol class="setup-steps">${STEPS.map((title, index) => html`<li key=${title} aria-current=${index === step ? "step" : undefined} data-done=${index < step ? "" : undefined}>${index < step ? html`<${Icon} name="check" />` : index + 1} ${t(title)}</li>`)}</ol>
    <${Card} title=${t(STEPS[step])} id="setup"><div class="panel-body">
      ${step === 0 && html`${state.sites.length > 0 && html`<div class="field"><label for="setup-site">${t("Continue with an existing site")}</label><select id="setup-site" onChange=${(event) => { setSite(state.sites.find((one) => one.slug === event.target.value)); next(); }}><option value="">–</option>${state.sites.map((one) => html`<option key=${one.slug} value=${one.slug}>${one.name}</option>`)}</select></div><p class="hint">${t("Or create a new one:")}</p>`}
        <${Form} isNew fields=${siteFields(true)} initial=${{ kind: "car_park", time_zone: Intl.DateTimeFormat().resolvedOptions().timeZone }} submit=${t("Create the site")} onSubmit=${makeSite} />`}
      ${step === 1 && html`<p class="hint">${site.name}</p><${Form} isNew fields=${zoneFields(true)} submit=${t("Create the zone")} onSubmit=${makeZone} />`}
      ${step === 2 && html`<${SpotsForm} site=${site.slug} zone=${zone.code} onDone=${next} onCancel=${next} />`}
      ${step === 3 && html`<${Devices} site=${site.slug} zone=${zone.code} onDone=${next} />`}
      ${step === 4 && html`<p>${t("{site} is set up. Its plan fills as soon as the first device speaks.", { site: site.name })}</p><div class="form-buttons"><button type="button" class="button" onClick=${() => setStep(1)}>${t("Another zone")}</button><a class="button" href=${address(site.slug, "slots")}>${t("Set the tariff")}</a><a class="button button-main" href=${address(site.slug, "parking")}>${t("To the plan")}</a></div>`}
    </div></${Card}></div>`;
}
