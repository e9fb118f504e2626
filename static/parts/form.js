// Forms made of a list of fields. What the server refuses stands at its field; what was typed stays.

import { t } from "../lib/i18n.js";
import { words } from "../lib/format.js";
import { readable, reasonWords } from "../lib/reasons.js";
import { address, route } from "../lib/router.js";
import { shortMoment, time } from "../lib/time.js";
import { announce, html, useEffect, useId, useRef, useState } from "../lib/ui.js";

/** A refusal in words: by its reason in the language that is shown, else as the server says it, in English; with when it would be possible. */
export function explained(error) {
  if (error.status === 0) return error.isLate ? t("The server does not answer.") : t("The server cannot be reached.");
  const said = reasonWords(error.reason);
  if (said === null) return error.problem?.detail ? readable(error.problem.detail) : error.status >= 500 ? t("The server has a problem ({n}).", { n: error.status }) : error.message;
  const next = time(error.problem?.next_free_at);
  return next === null ? said : `${said} ${t("A stay as long can begin at {at}.", { at: shortMoment(next) })}`;
}

/** The reasons why something was not done, for fields that a form does not show, in words; of a lost answer also that it may have been done. */
export function reasons(error, shown = []) {
  const rest = Object.entries(error.errors ?? {}).filter(([field]) => !shown.includes(field));
  const said = rest.map(([field, why]) => `${words(field)}: ${[why].flat().map(readable).join(", ")}`);
  if (said.length) return `${said.join(". ")}.`;
  if (Object.keys(error.errors ?? {}).length) return null;
  return error.isUnknown ? `${explained(error)} ${t("It is not known whether it was done.")}` : explained(error);
}

/** Why something was not done, where it was tried, with the way to what is missing; `instead` are other words for a lost answer. */
export function Refusal({ error, shown = [], instead = "" }) {
  const said = instead && error?.isUnknown ? `${explained(error)} ${instead}` : error && reasons(error, shown);
  if (!said) return null;
  return html`<p class="form-error" role="alert">${said}${error.reason === "email_unconfirmed" && html` <a href=${address(route.value.site ?? null, "me")}>${t("To your account")}</a>`}</p>`;
}

/** One field: `{ name, label, type, options, hint, required, wide, … }`. */
export function Field({ id, field, value, error, onChange }) {
  const { name, label, type = "text", options, hint, wide, ...rest } = field;
  const describedby = error ? `${id}-error` : hint ? `${id}-hint` : undefined;
  const common = { id, name, "aria-invalid": error ? "true" : undefined, "aria-describedby": describedby, ...rest };
  let input;
  if (type === "select") {
    input = html`<select ...${common} value=${value ?? ""} onChange=${(event) => onChange(event.target.value)}>
      ${options.map(([key, text]) => html`<option key=${key} value=${key}>${text}</option>`)}</select>`;
  } else if (type === "textarea") {
    input = html`<textarea rows="3" ...${common} value=${value ?? ""} onInput=${(event) => onChange(event.target.value)}></textarea>`;
  } else if (type === "checkbox") {
    return html`<div class=${wide ? "field wide-field" : "field"}><label class="check" for=${id}><input type="checkbox" ...${common} checked=${Boolean(value)} onChange=${(event) => onChange(event.target.checked)} /> ${label}</label>
      ${hint && html`<span class="hint" id=${`${id}-hint`}>${hint}</span>`}${error && html`<span class="field-error" id=${`${id}-error`}>${error}</span>`}</div>`;
  } else if (type === "many") {
    const chosen = new Set(value ?? []);
    const toggle = (key) => {
      if (!chosen.delete(key)) chosen.add(key);
      onChange(options.map(([one]) => one).filter((one) => chosen.has(one)));
    };
    return html`<fieldset class="field wide-field many"><legend class="label">${label}</legend><div class="chips">${options.map(([key, text]) => html`
      <button type="button" class="chip" key=${key} aria-pressed=${chosen.has(key)} onClick=${() => toggle(key)}>${text}</button>`)}</div>
      ${error && html`<span class="field-error">${error}</span>`}</fieldset>`;
  } else {
    input = html`<input type=${type} ...${common} value=${value ?? ""} onInput=${(event) => onChange(event.target.value)} />`;
  }
  return html`<div class=${wide ? "field wide-field" : "field"}><label for=${id}>${label}</label>${input}
    ${hint && html`<span class="hint" id=${`${id}-hint`}>${hint}</span>`}${error && html`<span class="field-error" id=${`${id}-error`}>${error}</span>`}</div>`;
}

/** Values as the API takes them: numbers as numbers; empty ones null, or left out of what is new. */
function toBody(fields, values, leaveOut) {
  const body = {};
  for (const { name, type, convert } of fields) {
    let value = values[name];
    if (value === undefined) continue;
    if (value === "") value = null;
    if (type === "number" && value !== null) value = Number(value);
    if (convert && value !== null) value = convert(value);
    if (value === null && leaveOut) continue;
    body[name] = value;
  }
  return body;
}

/** For password managers: whose password a form asks for. */
export function UsernameField({ email }) {
  return html`<input class="visually-hidden" type="email" autocomplete="username" value=${email} readonly tabindex="-1" aria-hidden="true" />`;
}

/**
 * A form. `onSubmit(body)` rejects with the refusal. `isNew` leaves empty fields out; otherwise only what was changed is sent.
 */
export function Form({ fields, initial = {}, onSubmit, submit = t("Save"), onCancel, cancel = t("Cancel"), isNew, children, danger, account = "" }) {
  const id = useId();
  const [values, setValues] = useState(initial);
  const [state, setState] = useState({ busy: false, error: null });
  const shown = fields.map((field) => field.name);
  const send = async (event) => {
    event.preventDefault();
    if (state.busy) return;
    setState({ busy: true, error: null });
    try {
      const changed = isNew ? values : Object.fromEntries(Object.entries(values).filter(([name, value]) => JSON.stringify(value) !== JSON.stringify(initial[name])));
      await onSubmit(toBody(fields, changed, isNew), values);
      setState({ busy: false, error: null });
    } catch (error) {
      setState({ busy: false, error });
      announce(reasons(error, shown) ?? explained(error));
    }
  };
  return html`<form class="sheet-form" onSubmit=${send}>
    ${account && html`<${UsernameField} email=${account} />`}
    <div class="form-grid">${fields.map((field) => html`<${Field} key=${field.name} id=${`${id}-${field.name}`} field=${field} value=${values[field.name]}
      error=${state.error?.errors?.[field.name] ? [state.error.errors[field.name]].flat().map(readable).join(", ") : null} onChange=${(value) => setValues((all) => ({ ...all, [field.name]: value }))} />`)}</div>
    ${children}
    <${Refusal} error=${state.error} shown=${shown} />
    <div class="form-buttons">${onCancel && html`<button type="button" class="button" onClick=${onCancel}>${cancel}</button>`}
      <button type="submit" class=${danger ? "button button-danger" : "button button-main"} aria-busy=${state.busy ? "true" : undefined}>${submit}</button></div>
  </form>`;
}

/** A dialog over the page, open as long as it is drawn. */
export function Sheet({ title, onClose, wide, children }) {
  const dialog = useRef(null);
  const id = useId();
  useEffect(() => {
    const shown = dialog.current;
    shown.showModal();
    return () => shown.close();
  }, []);
  return html`<dialog class=${wide ? "sheet sheet-wide" : "sheet"} aria-labelledby=${id} ref=${dialog} onCancel=${(event) => { event.preventDefault(); onClose(); }}>
    <div class="sheet-body"><h2 id=${id}>${title}</h2>${children}</div></dialog>`;
}

/** Asks before something that cannot be taken back. */
export function Confirm({ title, children, action, onConfirm, onClose }) {
  const [state, setState] = useState({ busy: false, error: null });
  const confirm = async () => {
    if (state.busy) return;
    setState({ busy: true, error: null });
    try {
      await onConfirm();
      onClose();
    } catch (error) {
      setState({ busy: false, error });
    }
  };
  return html`<${Sheet} title=${title} onClose=${onClose}>
    <div>${children}</div>
    <${Refusal} error=${state.error} />
    <div class="form-buttons"><button type="button" class="button" onClick=${onClose}>${t("Go back")}</button>
      <button type="button" class="button button-danger" aria-busy=${state.busy ? "true" : undefined} onClick=${confirm}>${action}</button></div>
  </${Sheet}>`;
}
