// Calling for help: one tap on what it is sends it. Words can follow; where one is comes from the position.

import { SEVERITIES, TYPES } from "../lib/emergencies.js";
import { words } from "../lib/format.js";
import { t } from "../lib/i18n.js";
import { Icon, announce, html, useEffect, useRef, useState } from "../lib/ui.js";
import { useStore } from "../state/live.js";
import { useOnce } from "../state/once.js";
import { explained, reasons } from "./form.js";

// Whoever waits for help is told soon that it is still being tried.
const SLOW_MS = 4000;
const LOCATE_MS = 15_000;
const NEAR_KM = 30;
const ALIKE_KM = 0.5;
const ICONS = { medical: "plus", stampede: "people", fire: "critical", accident: "warning", missing_person: "search", security: "key", structural: "site", other: "more" };

/** The site that is nearest to a position, if one is near; of those about as near, the one that is shown. */
function nearest(sites, { lat, lng }, shown) {
  const away = (site) => Math.hypot((site.latitude - lat) * 111, (site.longitude - lng) * 111 * Math.cos((lat * Math.PI) / 180));
  const [best] = [...sites].sort((a, b) => away(a) - away(b));
  if (!best || away(best) >= NEAR_KM) return null;
  const own = sites.find((site) => site.slug === shown);
  return own && away(own) <= away(best) + ALIKE_KM ? own.slug : best.slug;
}

/** Where this machine is: `{ position, looking, refused, find(asked) }`. That it is not to be had is said to those who asked for it. */
function usePosition() {
  const [state, setState] = useState({ position: null, looking: false, refused: false });
  const find = (asked) => {
    if (!navigator.geolocation) {
      setState((before) => ({ ...before, refused: asked }));
      return;
    }
    setState((before) => ({ ...before, looking: true }));
    navigator.geolocation.getCurrentPosition(
      ({ coords }) => setState({ position: { lat: coords.latitude, lng: coords.longitude, accuracy_m: coords.accuracy }, looking: false, refused: false }),
      () => setState((before) => ({ ...before, looking: false, refused: asked })),
      { enableHighAccuracy: true, timeout: LOCATE_MS, maximumAge: 30_000 },
    );
  };
  // Where it was allowed before, nobody has to ask for it.
  useEffect(() => {
    navigator.permissions?.query({ name: "geolocation" }).then((permission) => permission.state === "granted" && find(false)).catch(() => {});
  }, []);
  return { ...state, find };
}

/** What is said to somebody whose call may not have arrived. */
function explain(problem) {
  const { told, whom_to_call: whom = "" } = problem.problem ?? {};
  if (problem.reason === "not_stored") return `${told ? t("The control room was told, but your call is not on record.") : t("Your call could not be kept. The control room may not know of it.")} ${whom}`;
  if (problem.isUnknown) return `${explained(problem)} ${t("It is not known whether your call arrived. Tap again: it is one call still.")}`;
  return reasons(problem);
}

/** The form; `onSent(document)` gets what was taken. */
export function SosForm({ onSent }) {
  const state = useStore("sites", "site");
  const place = usePosition();
  const [description, setDescription] = useState("");
  const [severity, setSeverity] = useState("");
  const [chosen, setChosen] = useState(null);
  const [problem, setProblem] = useState(null);
  const [sending, setSending] = useState(null);
  const [slow, setSlow] = useState(false);
  // Pressed twice, or sent again after a lost answer, it is still one report.
  const sendOnce = useOnce();
  const busy = useRef(false);
  const sites = [...state.sites].sort((a, b) => Number(b.kind === "temple") - Number(a.kind === "temple"));
  const site = chosen ?? (place.position && nearest(state.sites, place.position, state.site)) ?? state.site ?? "";
  const name = state.sites.find((one) => one.slug === site)?.name;

  const where = place.looking ? t("Looking for your position…")
    : place.position ? t("Position: yours, within about {n} m.", { n: Math.max(5, Math.round(place.position.accuracy_m)) })
    : place.refused ? t("Your position is not available. Say in words where you are.")
    : name ? t("Position: that of {site}. Say in words where you are.", { site: name }) : t("No position. Say in words where you are.");

  const send = async (type) => {
    if (busy.current) return;
    busy.current = true;
    setSending(type);
    setProblem(null);
    const body = {
      type,
      ...(site ? { temple_id: site } : {}),
      ...(description.trim() ? { description: description.trim() } : {}),
      ...(place.position ? { location: place.position } : {}),
      ...(severity ? { severity } : {}),
    };
    const timer = setTimeout(() => setSlow(true), SLOW_MS);
    try {
      const document = await sendOnce("/api/emergency/", body);
      setDescription("");
      setSeverity("");
      announce(t("Your SOS was taken. The control room has it."));
      onSent(document);
    } catch (error) {
      setProblem(error);
    } finally {
      clearTimeout(timer);
      setSlow(false);
      busy.current = false;
      setSending(null);
    }
  };

  const call = html`<a href="tel:112">${t("Call 112")}</a>`;
  return html`<form class="sos-form" onSubmit=${(event) => event.preventDefault()}>
    <p class="sos-lead field-wide">${t("One tap sends it. Words can be added before or later.")}</p>
    <div class="sos-types" role="group" aria-label=${t("What is it?")}>${TYPES.map(([value, label]) => html`<button type="button" class="sos-type" key=${value} data-type=${value} aria-busy=${sending === value ? "true" : undefined} onClick=${() => send(value)}>
      <${Icon} name=${ICONS[value]} /><span>${t(label)}</span></button>`)}</div>
    ${slow && html`<p class="form-error field-wide sos-slow" role="alert">${t("There is no answer yet. It is still being sent.")} ${call}</p>`}
    ${problem && html`<p class="form-error field-wide" role="alert">${explain(problem)} ${problem.isAway && call}</p>`}
    <div class="field field-wide"><label for="sos-description">${t("In your words (if you can)")}</label>
      <textarea id="sos-description" maxlength="2000" rows="2" placeholder=${t("What happened, and where exactly?")} value=${description} onInput=${(event) => setDescription(event.target.value)}></textarea></div>
    <div class="sos-position field-wide"><p class="sos-where" role="status">${where}</p>
      <button type="button" id="sos-locate" class="button" onClick=${() => place.find(true)}><${Icon} name="place" />${t("Use my position")}</button></div>
    <div class="field"><label for="sos-site">${t("Where")}</label><select id="sos-site" value=${site} onChange=${(event) => setChosen(event.target.value)}><option value="">${t("I do not know")}</option>
      ${sites.map((one) => html`<option key=${one.slug} value=${one.slug}>${one.name}</option>`)}</select></div>
    <div class="field"><label for="sos-severity">${t("How serious")}</label><select id="sos-severity" value=${severity} onChange=${(event) => setSeverity(event.target.value)}><option value="">${t("As usual for this kind")}</option>
      ${SEVERITIES.map((value) => html`<option key=${value} value=${value}>${words(value)}</option>`)}</select></div>
  </form>`;
}
