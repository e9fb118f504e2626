// A new account.

import { t } from "../../lib/i18n.js";
import { html } from "../../lib/ui.js";
import { AccountPage } from "../../parts/account-page.js";
import { Form } from "../../parts/form.js";
import { api, signIn } from "../../state/session.js";

/** The page. */
export default function RegisterPage() {
  const fields = [
    { name: "name", label: t("Name"), autocomplete: "name", required: true, wide: true },
    { name: "email", label: t("E-mail"), type: "email", autocomplete: "username", required: true, wide: true },
    { name: "phone", label: t("Phone (if you like)"), type: "tel", autocomplete: "tel", wide: true },
    { name: "password", label: t("Password"), type: "password", autocomplete: "new-password", required: true, minlength: 12, hint: t("At least 12 characters."), wide: true },
  ];
  return html`<${AccountPage} title=${t("Register")}><${Form} isNew fields=${fields} submit=${t("Register")} onSubmit=${async (body) => {
    await api.post("/api/auth/register", body);
    await signIn(body.email, body.password);
  }} /></${AccountPage}>`;
}
