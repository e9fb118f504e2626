// How the console looks and speaks, by the reader's own choice.

import { LANGUAGES, language, loadLetters, setLanguage, t } from "../lib/i18n.js";
import { hours, setHours } from "../lib/time.js";
import { html, signal, useEffect, useState } from "../lib/ui.js";

const THEME = "gatehouse.theme";
const CONTRAST = "gatehouse.contrast";
// The letters of other languages are no part of what a page is first loaded with.
const LETTERS_MS = 2000;
const LATIN = { en: "English", hi: "Hindi", gu: "Gujarati" };

/** `auto`, `light` or `dark`. */
export const theme = signal(localStorage.getItem(THEME) ?? "auto");
/** `auto` or `more`. */
export const contrast = signal(localStorage.getItem(CONTRAST) ?? "auto");

/** Shows the chosen colours. */
export function applyTheme() {
  document.documentElement.dataset.theme = theme.value;
  document.documentElement.dataset.contrast = contrast.value;
}

function choose(key, which, value) {
  which.value = value;
  localStorage.setItem(key, value);
  applyTheme();
}

function Choice({ id, label, value, options, onChange }) {
  return html`<div class="field"><label for=${id}>${label}</label>
    <select id=${id} value=${value} onChange=${(event) => onChange(event.target.value)}>
      ${options.map(([key, name]) => html`<option key=${key} value=${key}>${name}</option>`)}
    </select></div>`;
}

/** The languages, as each calls itself. */
export function LanguagePicker() {
  const [ready, setReady] = useState(false);
  // What is drawn before its letters are there stays boxes in some browsers.
  useEffect(() => {
    const timer = setTimeout(() => loadLetters().then(() => setReady(true), () => setReady(true)), LETTERS_MS);
    return () => clearTimeout(timer);
  }, []);
  return html`<div class="languages" role="group" aria-label=${t("Language")}>${LANGUAGES.map(([code, name]) => html`<button type="button" key=${code} lang=${code} class="chip"
    aria-pressed=${language.value === code} onClick=${() => setLanguage(code)}>${ready ? name : LATIN[code]}</button>`)}</div>`;
}

/** All settings. */
export function Settings() {
  return html`<div class="form-grid">
    <${Choice} id="set-language" label=${t("Language")} value=${language.value} options=${LANGUAGES} onChange=${setLanguage} />
    <${Choice} id="set-hours" label=${t("Clock")} value=${hours.value} onChange=${setHours}
      options=${[["auto", t("As usual for the language")], ["24", t("24 hours")], ["12", t("12 hours")]]} />
    <${Choice} id="set-theme" label=${t("Colours")} value=${theme.value} onChange=${(value) => choose(THEME, theme, value)}
      options=${[["auto", t("As the system")], ["light", t("Light")], ["dark", t("Dark")]]} />
    <${Choice} id="set-contrast" label=${t("Contrast")} value=${contrast.value} onChange=${(value) => choose(CONTRAST, contrast, value)}
      options=${[["auto", t("As the system")], ["more", t("High")]]} />
  </div>`;
}
