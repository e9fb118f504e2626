// Languages. The words in the code are English; a file a language has what they are called in it. Numbers and dates are the browser's affair.

import { computed, signal } from "./ui.js";

/** The languages that the console speaks, as each calls itself. */
export const LANGUAGES = [
  ["en", "English"],
  ["hi", "हिन्दी"],
  ["gu", "ગુજરાતી"],
];

const KEY = "gatehouse.language";
const known = (code) => LANGUAGES.some(([one]) => one === code);

/** The language that is shown. */
export const language = signal("en");
const messages = signal({});

/** The locale of numbers and dates: Indian figures, by the language. */
export const locale = computed(() => `${language.value}-IN`);

// Where the system has no letters of a language, what is drawn before the font is there stays empty boxes in some browsers.
const FONTS = { hi: ["Noto Sans Devanagari", "अ"], gu: ["Noto Sans Gujarati", "અ"] };
const FONT_MS = 2000;

function fonts(code, weights = [400, 600]) {
  const [family, letter] = FONTS[code] ?? [];
  if (!family || !document.fonts) return null;
  const loads = Promise.all(weights.map((weight) => document.fonts.load(`${weight} 1em "${family}"`, letter))).catch(() => {});
  return Promise.race([loads, new Promise((done) => setTimeout(done, FONT_MS))]);
}

/** Loads the letters of all languages, for where their names stand side by side. */
export const loadLetters = () => Promise.all(LANGUAGES.map(([code]) => fonts(code, [400])));

/** Shows another language from now on. */
export async function setLanguage(code) {
  const wanted = known(code) ? code : "en";
  await fonts(wanted);
  messages.value = wanted === "en" ? {} : (await (wanted === "hi" ? import("../messages/hi.js") : import("../messages/gu.js"))).default;
  language.value = wanted;
  document.documentElement.lang = wanted;
  localStorage.setItem(KEY, wanted);
}

/** Whether somebody has chosen a language in this browser. */
export const isLanguageChosen = () => localStorage.getItem(KEY) !== null;

/** The language that was chosen, else the first of the browser's that is spoken here. */
export async function startLanguage() {
  const chosen = localStorage.getItem(KEY) ?? (navigator.languages ?? []).map((tag) => tag.slice(0, 2)).find(known) ?? "en";
  if (chosen !== "en") await setLanguage(chosen).catch(() => {});
}

/** These words in the language that is shown; `{name}` stands for a value. */
export function t(words, values) {
  const text = messages.value[words] ?? words;
  return values ? text.replace(/\{(\w+)\}/g, (whole, name) => values[name] ?? whole) : text;
}

/** One or several: `plural(n, "{n} spot", "{n} spots")`. */
export function plural(n, one, other, values) {
  return t(new Intl.PluralRules(locale.value).select(n) === "one" ? one : other, { n: number(n), ...values });
}

/** A number as it is written here. */
export function number(value, digits = 0) {
  return new Intl.NumberFormat(locale.value, { maximumFractionDigits: digits }).format(value);
}
