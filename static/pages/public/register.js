// A new account.

import { t } from "../../lib/i18n.js";
import { ApiError } from "../../lib/request.js";
import { html } from "../../lib/ui.js";
import { AccountPage } from "../../parts/account-page.js";
import { Form } from "../../parts/form.js";
import { api, signIn } from "../../state/session.js";

/** Registers and signs in. Whoever has the account already, as an answer was lost on its way, is signed in with what they typed. */
async function register(body) {
  const known = await api.post("/api/auth/register", body).then(() => null, (error) => {
    if (error.status === 409) return error;
    throw error;
  });
  try {
    await signIn(body.email, body.password);
  } catch (error) {
    if (!known || error.status !== 401) throw error;
    throw new ApiError(409, { reason: "known_address" });
  }
}

/** The page. */
export default function RegisterPage() {
  const fields = [
    { name: "name", label: t("Name"), autocomplete: "name", required: true, wide: true },
    { name: "email", label: t("E-mail"), type: "email", autocomplete: "username", required: true, wide: true },
    { name: "phone", label: t("Phone (if you like)"), type: "tel", autocomplete: "tel", wide: true },
    { name: "password", label: t("Password"), type: "password", autocomplete: "new-password", required: true, minlength: 12, hint: t("At least 12 characters."), wide: true },
  ];
  return html`<${AccountPage} title=${t("Register")}><${Form} isNew fields=${fields} submit=${t("Register")} onSubmit=${register} />
    <p><a href="/console/account/forgot">${t("Forgotten password")}</a></p></${AccountPage}>`;
}
