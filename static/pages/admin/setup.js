// The first set-up, step by step: a site, its zones, their spots, the devices on them and the keys that these send with.

import { t } from "../../lib/i18n.js";
import { newNonce } from "../../lib/nonce.js";
import { useResource } from "../../lib/resource.js";
import { address, go, route } from "../../lib/router.js";
import { Icon, html, useRef, useState } from "../../lib/ui.js";
import { Form, Refusal } from "../../parts/form.js";
import { Card, Fresh } from "../../parts/panel.js";
import { sitesResource } from "../../parts/site-tabs.js";
import { save } from "../../parts/table.js";
import { makeKeys, makeSite, makeZone, spotsOf, zonesOf } from "../../state/first-setup.js";
import { reload, store, useStore } from "../../state/live.js";
import { Progress, SpotsForm, siteFields, zoneFields } from "./sites.js";

const STEPS = ["Site", "Zone", "Spots", "Devices and keys", "Done"];

/** The zone: a new one, or one that is there. */
function Zone({ site, onDone }) {
  const there = useResource(() => zonesOf(site.slug), [site.slug]);
  const make = async (body) => {
    try {
      onDone(await makeZone(site.slug, body));
    } finally {
      there.reload();
      reload("spots");
    }
  };
  return html`<p class="hint">${t("A zone of {site}: a level of a car park, a hall of a temple.", { site: site.name })}</p>
    <${Continue} id="setup-zone" label=${t("Continue with an existing zone")} options=${(there.data ?? []).map((one) => [one.code, one.name])} onPick=${onDone} />
    <${Form} isNew fields=${zoneFields(true)} submit=${t("Create the zone")} onSubmit=${make} />`;
}

/** The way on with what is there already. */
function Continue({ id, label, options, onPick }) {
  if (options.length === 0) return null;
  return html`<div class="field"><label for=${id}>${label}</label><select id=${id} value="" onChange=${(event) => event.target.value && onPick(event.target.value)}><option value="">–</option>${options.map(([value, name]) => html`<option key=${value} value=${value}>${name}</option>`)}</select></div><p class="hint">${t("Or create a new one:")}</p>`;
}

/** Devices on the spots of the zone, and their keys, which are shown as they are made and stay as long as the step is. */
function Devices({ site, zone, onDone }) {
  const spots = useResource(() => spotsOf(site, zone), [site, zone]);
  const [keys, setKeys] = useState([]);
  const [state, setState] = useState({ busy: false, count: null, error: null });
  const isBusy = useRef(false);
  const lost = useRef(new Set());
  // Of all keys there are, those that are made here are known by it.
  const mark = useRef("");
  mark.current ||= newNonce().slice(0, 8);
  const codes = spots.data ?? [];
  const isDone = state.count !== null && state.count === codes.length;
  const make = async () => {
    if (isBusy.current) return;
    isBusy.current = true;
    setState({ busy: true, count: 0, error: null });
    const onKey = (key) => setKeys((all) => [...all, key]);
    const onCount = (count) => setState((before) => ({ ...before, count }));
    const error = await makeKeys({ site, zone, spots: codes, label: `${t("First setup")} ${mark.current}`, lost: lost.current, onKey, onCount }).then(() => null, (why) => why);
    isBusy.current = false;
    setState((before) => ({ ...before, busy: false, error }));
    reload("devices");
  };
  const saveKeys = () => save(new Blob([`device_code,key\n${keys.map((one) => `${one.device_code},${one.key}`).join("\n")}\n`], { type: "text/csv" }), `keys-${site}.csv`);
  const said = state.count !== null && t("{n} of {of} devices have a key.", { n: state.count, of: codes.length });
  return html`<p>${t("A sensor for each of the {n} spots of the zone, by the name of its spot, with a key of its own.", { n: codes.length })}</p>
    <${Fresh} resource=${spots}>${() => html`<${Progress} progress=${said && { said, stopped: state.error ? state.error.subject ?? "" : undefined }} />
      <${Refusal} error=${state.error} />
      ${isDone && keys.length < codes.length && html`<p class="hint">${t("Those that had a key before keep it. Where it is lost, make another on the page of the device.")}</p>`}
      ${keys.length > 0 && html`<p><strong>${t("The keys are shown this once.")}</strong></p><div class="table-scroll" tabindex="0" role="region" aria-label=${t("{name}: table", { name: t("Keys") })}><table class="table" id="setup-keys"><thead><tr><th scope="col">${t("Device")}</th><th scope="col">${t("Key")}</th></tr></thead>
          <tbody>${keys.map((one) => html`<tr key=${one.id}><td>${one.device_code}</td><td><code>${one.key}</code></td></tr>`)}</tbody></table></div>`}
      <div class="form-buttons">${keys.length > 0 && html`<button type="button" class="button" onClick=${saveKeys}><${Icon} name="download" /> ${t("Save the keys")}</button>`}
        ${isDone ? html`<button type="button" class="button button-main" onClick=${onDone}>${t("Continue")}</button>`
          : html`${!state.busy && html`<button type="button" class="button" onClick=${onDone}>${t("Later")}</button>`}<button type="button" class="button button-main" id="setup-make" aria-busy=${state.busy ? "true" : undefined} onClick=${make}>${state.error ? t("Create what is missing") : t("Create devices and keys")}</button>`}</div>`}</${Fresh}>`;
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
  const make = async (body) => {
    try {
      const made = await makeSite(body);
      // Known before the list is loaded anew.
      store.set({ sites: [...state.sites.filter((one) => one.slug !== made.slug), made] });
      to(1, made.slug, "");
    } finally {
      reload("sites");
    }
  };
  const steps = [
    () => html`<${Continue} id="setup-site" label=${t("Continue with an existing site")} options=${state.sites.map((one) => [one.slug, one.name])} onPick=${(slug) => to(1, slug, "")} />
      <${Form} isNew fields=${siteFields(true)} initial=${{ kind: "car_park", time_zone: Intl.DateTimeFormat().resolvedOptions().timeZone }} submit=${t("Create the site")} onSubmit=${make} />`,
    () => html`<${Zone} key=${slug} site=${site} onDone=${(code) => to(2, slug, code)} />`,
    () => html`<${SpotsForm} site=${slug} zone=${zone} onDone=${() => to(3)} onCancel=${() => to(4)} cancel=${t("There are no spots here")} />`,
    () => html`<${Devices} key=${`${slug} ${zone}`} site=${slug} zone=${zone} onDone=${() => to(4)} />`,
    () => html`<p>${t("{site} is set up. Its plan fills as soon as the first device speaks.", { site: site.name })}</p><div class="form-buttons"><button type="button" class="button" onClick=${() => to(1, slug, "")}>${t("Another zone")}</button><a class="button" href=${address(slug, "slots")}>${site.kind === "temple" ? t("Set the slots") : t("Set the tariff")}</a><a class="button button-main" href=${address(slug, site.kind === "temple" ? "crowd" : "parking")}>${site.kind === "temple" ? t("To its page") : t("To the plan")}</a></div>`,
  ];
  return html`<div class="page setup"><h1>${t("First setup")}</h1>
    <ol class="setup-steps">${STEPS.map((title, index) => html`<li key=${title} aria-current=${index === step ? "step" : undefined} data-done=${index < step ? "" : undefined}>${index < step ? html`<${Icon} name="check" />` : index + 1} ${t(title)}</li>`)}</ol>
    <${Card} title=${t(STEPS[step])} id="setup"><div class="panel-body"><${Fresh} resource=${sitesResource()}>${() => steps[step]()}</${Fresh}></div></${Card}></div>`;
}
