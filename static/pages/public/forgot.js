// A forgotten password: a code by mail, and a new one.

import { t } from "../../lib/i18n.js";
import { html, useRef, useState } from "../../lib/ui.js";
import { AccountPage } from "../../parts/account-page.js";
import { Form } from "../../parts/form.js";
import { api, signIn } from "../../state/session.js";

/** The page. */
export default function ForgotPage() {
  const [email, setEmail] = useState(null);
  // A code is good once: where it may be used already, the new password tells whether it is.
  const isUsed = useRef(false);
  const reset = async (body) => {
    try {
      await api.post("/v0/api/mail/reset-password", { email, ...body });
    } catch (error) {
      isUsed.current ||= error.isUnknown;
      if (!isUsed.current) throw error;
      return signIn(email, body.new_password).catch((why) => { throw why.status === 401 ? error : why; });
    }
    isUsed.current = true;
    return signIn(email, body.new_password);
  };
  const again = () => {
    isUsed.current = false;
    setEmail(null);
  };
  if (!email) {
    return html`<${AccountPage} title=${t("Forgotten password")}><p class="hint">${t("We send a code of six digits, if there is an account.")}</p>
      <${Form} isNew fields=${[{ name: "email", label: t("E-mail"), type: "email", autocomplete: "username", required: true, wide: true }]} submit=${t("Send a code")} onSubmit=${async (body) => {
        await api.post("/v0/api/mail/request-password-reset", body);
        setEmail(body.email);
      }} /></${AccountPage}>`;
  }
  const fields = [
    { name: "otp", label: t("Code from the mail"), inputmode: "numeric", autocomplete: "one-time-code", required: true, wide: true },
    { name: "new_password", label: t("New password"), type: "password", autocomplete: "new-password", required: true, minlength: 12, hint: t("At least 12 characters."), wide: true },
  ];
  return html`<${AccountPage} title=${t("New password")}><p class="hint">${t("The code was sent to {email}. It is good for ten minutes.", { email })}</p>
    <${Form} isNew fields=${fields} submit=${t("Change the password")} onSubmit=${reset} account=${email} />
    <p><button type="button" class="link" onClick=${again}>${t("Send another code")}</button></p></${AccountPage}>`;
}
