// The sign-in page, and the same question over a page whose session has ended.

import { plural, t } from "../lib/i18n.js";
import { Icon, html, signal, useEffect, useRef, useState } from "../lib/ui.js";
import { asksToLeave, expired, notice, signIn, signInAgain, signOut, untold } from "../state/session.js";
import { Confirm, UsernameField, explained } from "./form.js";
import { LanguagePicker } from "./settings.js";

function explain(refusal) {
  if (refusal.status === 401) return t("That e-mail and password do not match.");
  if (refusal.status === 429) {
    const minutes = Math.ceil(refusal.retryAfter / 60);
    return refusal.retryAfter > 90 ? t("Too many attempts. Try again in {n} minutes.", { n: minutes }) : t("Too many attempts. Try again in a minute.");
  }
  return explained(refusal);
}

/** A password with a button that shows it. */
export function Password({ id = "password", value, onInput, autocomplete = "current-password", invalid, input, ...rest }) {
  const [shown, setShown] = useState(false);
  return html`<div class="with-reveal">
    <input id=${id} name=${id} type=${shown ? "text" : "password"} autocomplete=${autocomplete} required value=${value} ref=${input}
      aria-invalid=${invalid ? "true" : undefined} onInput=${(event) => onInput(event.target.value)} ...${rest} />
    <button type="button" class="reveal" aria-pressed=${shown} aria-controls=${id} onClick=${() => setShown(!shown)}>${shown ? t("Hide") : t("Show")}</button>
  </div>`;
}

function useSubmit(run) {
  const [state, setState] = useState({ busy: false, error: null });
  const password = useRef(null);
  const submit = async (event) => {
    event.preventDefault();
    if (state.busy) return;
    setState({ busy: true, error: null });
    try {
      await run();
    } catch (refusal) {
      setState({ busy: false, error: refusal });
      if (refusal.status === 401) password.current?.select();
      return;
    }
    setState({ busy: false, error: null });
  };
  return { ...state, submit, password };
}

const SAID = { signed_out: "You are signed out." };

/** The page. */
export function SignIn() {
  const [email, setEmail] = useState("");
  const [password, setPassword] = useState("");
  const field = useRef(null);
  const form = useSubmit(() => signIn(email.trim(), password));
  useEffect(() => {
    field.current?.focus();
  }, []);
  const wrong = form.error?.status === 401;
  return html`<main class="login">
    <div class="login-card">
      <div class="login-brand"><${Icon} name="gate" class="brand-mark" /><h1>Gatehouse</h1></div>
      <p class="login-lead">${t("Parking, crowds and gates, as they are now.")}</p>
      ${notice.value && html`<p class="login-notice" role="status">${t(SAID[notice.value] ?? notice.value)}</p>`}
      ${untold.value && html`<p class="login-notice login-untold" role="status">${t("You are signed out on this device. The server could not be told yet; it is told as soon as it can be reached.")}</p>`}
      <form class="login-form" aria-describedby="login-error" onSubmit=${form.submit}>
        <label for="email">${t("E-mail")}</label>
        <input id="email" name="email" type="email" autocomplete="username" required spellcheck=${false} autocapitalize="none" ref=${field}
          value=${email} aria-invalid=${wrong ? "true" : undefined} onInput=${(event) => setEmail(event.target.value)} />
        <label for="password">${t("Password")}</label>
        <${Password} value=${password} onInput=${setPassword} invalid=${wrong} input=${form.password} />
        ${form.error && html`<p id="login-error" class="login-error" role="alert">${explain(form.error)}</p>`}
        <button type="submit" class="button button-main" disabled=${form.busy}>${form.busy ? t("Signing in…") : t("Sign in")}</button>
      </form>
      <p class="login-links"><a href="/console/account/forgot">${t("Forgotten password")}</a><a href="/console/account/register">${t("Register")}</a></p>
      <p class="login-links"><a href="/console/s/all/home">${t("Look around without signing in")}</a></p>
      <${LanguagePicker} />
    </div>
  </main>`;
}

const said = signal("");

/** Asks for the password over the page: what was being written stays. */
export function AskPassword() {
  const dialog = useRef(null);
  const form = useSubmit(() => signInAgain(said.value));
  const { user: who } = expired.value;
  useEffect(() => {
    said.value = "";
    dialog.current.showModal();
  }, []);
  return html`<dialog class="sheet ask-password" aria-labelledby="ask-title" ref=${dialog} onCancel=${(event) => event.preventDefault()}>
    <form class="login-form" onSubmit=${form.submit}>
      <h2 id="ask-title">${t("Your session has ended")}</h2>
      <p>${t("Enter your password to go on. What you were writing is kept.")}</p>
      <${UsernameField} email=${who.email} />
      <label for="password-again">${t("Password of {email}", { email: who.email })}</label>
      <${Password} id="password-again" value=${said.value} onInput=${(value) => (said.value = value)} input=${form.password} invalid=${form.error?.status === 401} />
      ${form.error && html`<p class="login-error" role="alert">${explain(form.error)}</p>`}
      <p class="hint">${t("Does somebody need help now?")} <a href="tel:112">${t("Call 112")}</a></p>
      <div class="form-buttons">
        <button type="button" class="button" onClick=${signOut}>${t("Sign out")}</button>
        <button type="submit" class="button button-main" disabled=${form.busy}>${t("Continue")}</button>
      </div>
    </form>
  </dialog>`;
}

/** Asks whether somebody means to sign out while a gate's scans are on this machine alone. */
export function AskToLeave() {
  if (!asksToLeave.value) return null;
  const { scans, answer } = asksToLeave.value;
  return html`<${Confirm} title=${t("Sign out")} action=${t("Sign out")} onClose=${() => answer(false)} onConfirm=${() => answer(true)}>
    <p>${plural(scans, "{n} scan waits to be uploaded.", "{n} scans wait to be uploaded.")} ${plural(scans, "It is kept on this device until somebody opens its gate with a network.", "They are kept on this device until somebody opens its gate with a network.")}</p></${Confirm}>`;
}
