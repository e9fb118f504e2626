// The frame of pages about an account that is not signed in.

import { t } from "../lib/i18n.js";
import { Icon, html } from "../lib/ui.js";
import { LanguagePicker } from "./settings.js";

/** The page. */
export function AccountPage({ title, children }) {
  return html`<main class="login"><div class="login-card">
    <div class="login-brand"><${Icon} name="gate" class="brand-mark" /><h1>${title}</h1></div>
    <div class="panel-body">${children}</div>
    <p class="login-links"><a href="/console/account/sign-in">${t("To the sign-in page")}</a></p><${LanguagePicker} /></div></main>`;
}
