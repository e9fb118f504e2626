// The gate as a kiosk: one large verdict, a field for the code, the camera; how many are inside; how many scans wait to be uploaded.

import { plural, t } from "../../lib/i18n.js";
import { temple as templeOf, temples } from "../../lib/model.js";
import { address, go } from "../../lib/router.js";
import { clock, shortMoment, time, zone } from "../../lib/time.js";
import { Icon, html, useEffect, useRef, useState } from "../../lib/ui.js";
import { Confirm, Form, Sheet } from "../../parts/form.js";
import { Empty, Fresh } from "../../parts/panel.js";
import { Scanner } from "../../parts/scanner.js";
import { sitesResource } from "../../parts/site-tabs.js";
import { createGate } from "../../state/gate.js";
import { keepLoaded } from "../../state/offline.js";
import { store, useStore } from "../../state/live.js";

// What a code begins with: other keys move through the page.
const LETTER = /^[\x21-\x7e]$/;
const NAME_KEY = "gatehouse.gate.name";
const TEMPLE_KEY = "gatehouse.gate.temple";

/** The temple that this gate was of when there was a network. */
function kept(slug) {
  try {
    const known = JSON.parse(localStorage.getItem(TEMPLE_KEY));
    return known && (!slug || known.slug === slug) ? known : null;
  } catch {
    return null;
  }
}

function Verdict({ verdict, onOverrule }) {
  const { good, title, detail, what, refused, reason } = verdict ?? { title: t("Ready"), detail: t("Scan a ticket, or type a booking code."), what: "" };
  return html`<div class="verdict" role="status" aria-live="assertive" data-good=${good === undefined ? undefined : String(good)} data-reason=${reason}>
    <span class="verdict-sign"><${Icon} name=${good === undefined ? "gate" : good ? "check" : "close"} /></span>
    <div class="verdict-words"><strong class="verdict-title">${title}</strong><span class="verdict-detail">${detail}</span><span class="verdict-what">${what}</span>
      ${refused && html`<button type="button" class="button verdict-overrule" onClick=${() => onOverrule(refused)}>${t("Let in anyway…")}</button>`}</div></div>`;
}

function Status({ shown }) {
  const list = shown.takenAt === null ? t("no list yet") : t(shown.bookings === 1 ? "list of {n} booking, {at}" : "list of {n} bookings, {at}", { n: shown.bookings, at: clock(shown.takenAt) });
  const queued = shown.waiting ? ` · ${t("{n} to upload", { n: shown.waiting })}` : "";
  return html`<p class="gate-connection" role="status" data-online=${String(shown.online)} data-waiting=${shown.waiting}>${`${shown.online ? t("Online") : t("Offline")} · ${list}${queued}`}</p>`;
}

/** Scans that somebody else has left on this device, and the way to stand by them. They are not uploaded unasked: anybody may have put them there. */
function Left({ scans, onAdopt }) {
  const [asking, setAsking] = useState(false);
  if (scans.length === 0) return null;
  const said = plural(scans.length, "{n} scan of somebody else waits on this device.", "{n} scans of somebody else wait on this device.");
  return html`<p class="gate-left" role="status">${said} <button type="button" class="button" onClick=${() => setAsking(true)}>${t("Look through…")}</button></p>
    ${asking && html`<${Confirm} title=${t("Scans of somebody else")} action=${t("Upload in my name")} onClose=${() => setAsking(false)} onConfirm=${onAdopt}>
      <ul>${scans.map((one) => html`<li key=${one.nonce}>${[one.code, t(one.kind === "exit" ? "Way out" : "Way in"), shortMoment(time(one.scanned_at)), one.override_reason].filter(Boolean).join(" · ")}</li>`)}</ul></${Confirm}>`}`;
}

function Inside({ inside, since }) {
  const rows = inside ? [["Still expected today", inside.people.confirmed], ["Have left", inside.people.exited], ["Did not come", inside.people.no_show]] : [];
  return html`<p class="inside"><span class="inside-value" id="inside">${inside ? inside.inside + since : "–"}</span><span class="inside-as-of">${inside && `${t("people")}, ${clock(time(inside.as_of))}`}</span></p>
    <dl class="inside-facts">${rows.map(([name, value]) => html`<div key=${name}><dt>${t(name)}</dt><dd>${value}</dd></div>`)}</dl>`;
}

function Gate({ temple }) {
  const [shown, setShown] = useState(null);
  const [code, setCode] = useState("");
  /** Whom a supervisor is being asked about: not whoever comes meanwhile. */
  const [asking, setAsking] = useState(null);
  const [name, setName] = useState(localStorage.getItem(NAME_KEY) ?? "");
  const nameNow = useRef(name);
  nameNow.current = name;
  const gate = useRef(null);
  const field = useRef(null);

  useEffect(() => {
    localStorage.setItem(TEMPLE_KEY, JSON.stringify({ slug: temple.slug, name: temple.name, time_zone: temple.time_zone, kind: "temple" }));
    // Without a network nobody says on whose clock this is.
    if (!store.state.sitesLoaded) zone.value = temple.time_zone;
    const made = createGate({ temple, onChange: setShown, name: () => nameNow.current.trim() || undefined });
    gate.current = made;
    made.start();
    // What this page needs is kept, so that it opens again without a network.
    keepLoaded();
    return made.stop;
  }, []);
  // Scans that are not uploaded are in this browser alone.
  useEffect(() => {
    if (!shown?.waiting) return undefined;
    const warn = (event) => event.preventDefault();
    addEventListener("beforeunload", warn);
    return () => removeEventListener("beforeunload", warn);
  }, [Boolean(shown?.waiting)]);
  // A hand scanner types like a keyboard: whatever has taken the focus away, its code belongs into the field.
  useEffect(() => {
    const aim = (event) => {
      const isTyped = LETTER.test(event.key) && !event.ctrlKey && !event.metaKey && !event.altKey;
      if (isTyped && document.activeElement === document.body) field.current?.focus();
    };
    addEventListener("keydown", aim);
    return () => removeEventListener("keydown", aim);
  }, []);

  const state = shown ?? { online: true, takenAt: null, bookings: 0, waiting: 0, foreign: [], verdict: null, log: [], inside: null, since: 0, exits: false };
  const submit = (event) => {
    event.preventDefault();
    gate.current.scan(code);
    setCode("");
    field.current.focus();
  };
  const way = (exits) => {
    gate.current.setExits(exits);
    field.current.focus();
  };
  const answered = () => setAsking(null);
  // Not before the dialog is gone: nothing beside it can have the focus.
  useEffect(() => {
    if (!asking) field.current?.focus();
  }, [asking]);
  const all = temples(store.state);
  return html`<div class="page gate" data-verdict=${state.verdict?.good === undefined ? undefined : state.verdict.reason ?? "in"}>
    <h1 class="visually-hidden">${t("Gate")}</h1>
    <section class="panel gate-head" aria-label=${t("Gate")}>
      <div class="field"><label for="gate-temple">${t("Temple")}</label><select id="gate-temple" value=${temple.slug} onChange=${(event) => go(address(event.target.value, "gate"))}>
        ${(all.length ? all : [temple]).map((one) => html`<option key=${one.slug} value=${one.slug}>${one.name}</option>`)}</select></div>
      <div class="field"><label for="gate-name">${t("Gate")}</label><input id="gate-name" maxlength="64" placeholder=${t("Such as North")} autocomplete="off" value=${name} onInput=${(event) => { setName(event.target.value); localStorage.setItem(NAME_KEY, event.target.value.trim()); }} /></div>
      <${Status} shown=${state} /><${Left} scans=${state.foreign} onAdopt=${() => gate.current.adopt()} />
      <div class="row gate-leave"><button type="button" class="button button-quiet" onClick=${() => (document.fullscreenElement ? document.exitFullscreen() : document.documentElement.requestFullscreen?.())}><${Icon} name="expand" /> ${t("Whole screen")}</button>
        <a class="button button-quiet" href=${address(temple.slug, "overview")}>${t("To the console")}</a></div>
    </section>
    <section class="panel gate-work" aria-label=${t("Scan")}>
      <${Verdict} verdict=${state.verdict} onOverrule=${setAsking} />
      <div class="ways" role="group" aria-label=${t("Direction")}>${[["Way in", false], ["Way out", true]].map(([label, value]) => html`<button type="button" key=${label} class="button way" aria-pressed=${state.exits === value} data-exits=${String(value)} onClick=${() => way(value)}>${t(label)}</button>`)}</div>
      <form class="gate-form" onSubmit=${submit}><label for="gate-code">${t("Booking code")}</label><div class="gate-entry">
        <input id="gate-code" autocomplete="off" autocapitalize="characters" spellcheck=${false} maxlength="300" placeholder="K7P2-9QXM" required ref=${field} value=${code} onInput=${(event) => setCode(event.target.value)} />
        <button type="submit" class="button button-main">${t("Check")}</button></div></form>
      <${Scanner} onText=${(text) => gate.current.scan(text)} />
    </section>
    <section class="panel gate-side" aria-label=${t("Inside now")}><h2>${t("Inside now")}</h2><${Inside} inside=${state.inside} since=${state.since} />
      <h2>${t("Last scans")}</h2>${state.log.length === 0 && html`<${Empty}>${t("No scans yet.")}</${Empty}>`}
      <ol class="scan-log">${state.log.map((one) => html`<li key=${one.key} data-good=${String(one.good)}><${Icon} name=${one.good ? "check" : "close"} /><span>${one.words}</span><time>${clock(one.at)}</time></li>`)}</ol></section>
    ${asking && html`<${Sheet} title=${t("Let in anyway")} onClose=${answered}><p><strong>${asking.code}</strong></p><p class="hint">${t("For supervisors. Who did it and why is kept.")}</p>
      <${Form} isNew fields=${[{ name: "reason", label: t("Why"), required: true, maxlength: 200, wide: true }]} submit=${t("Let in")} onCancel=${answered} onSubmit=${async ({ reason }) => { await gate.current.overrule(asking, reason); answered(); }} /></${Sheet}>`}
  </div>`;
}

/** The page. */
export default function GatePage({ site }) {
  const state = useStore("sites", "site");
  const temple = state.sitesLoaded ? templeOf(state) : kept(site);
  if (!temple) return html`<div class="page gate"><div class="panel"><${Fresh} resource=${sitesResource()}>${() => html`<${Empty}>${t("There is no temple yet.")}</${Empty}>`}</${Fresh}></div></div>`;
  return html`<${Gate} key=${temple.slug} temple=${temple} />`;
}
