// The sign-in page.

import { attribute, h, icon, text } from "../dom.js";

/** The page; `onSignIn(email, password)` rejects with the refusal. */
export function loginView({ onSignIn, message }) {
  const email = h("input", {
    id: "email", name: "email", type: "email", autocomplete: "username", required: true, spellcheck: "false", autocapitalize: "none",
  });
  const password = h("input", { id: "password", name: "password", type: "password", autocomplete: "current-password", required: true });
  const error = h("p", { id: "login-error", class: "login-error", role: "alert", hidden: true });
  const button = h("button", { type: "submit", class: "button button-main" }, "Sign in");

  const reveal = h("button", { type: "button", class: "reveal", "aria-pressed": "false", "aria-controls": "password" }, "Show");
  reveal.addEventListener("click", () => {
    const shown = password.type === "password";
    password.type = shown ? "text" : "password";
    attribute(reveal, "aria-pressed", String(shown));
    text(reveal, shown ? "Hide" : "Show");
  });

  async function submit(event) {
    event.preventDefault();
    error.hidden = true;
    attribute(email, "aria-invalid", null);
    attribute(password, "aria-invalid", null);
    button.disabled = true;
    text(button, "Signing in…");
    try {
      await onSignIn(email.value.trim(), password.value);
    } catch (refusal) {
      text(error, explain(refusal));
      error.hidden = false;
      if (refusal.status === 401) {
        attribute(email, "aria-invalid", "true");
        attribute(password, "aria-invalid", "true");
        password.select();
        password.focus();
      }
    } finally {
      button.disabled = false;
      text(button, "Sign in");
    }
  }

  const form = h("form", { class: "login-form", "aria-describedby": "login-error", on: { submit } },
    h("label", { for: "email" }, "E-mail"),
    email,
    h("label", { for: "password" }, "Password"),
    h("div", { class: "with-reveal" }, password, reveal),
    error,
    button,
  );
  // Announced and shown once; a failed attempt says more.
  const notice = message ? h("p", { class: "login-notice", role: "status" }, message) : null;
  queueMicrotask(() => email.focus());
  return h("main", { class: "login" },
    h("div", { class: "login-card" },
      h("div", { class: "login-brand" }, icon("gate", "brand-mark"), h("h1", {}, "Gatehouse")),
      h("p", { class: "login-lead" }, "Parking, devices and alerts, as they are now."),
      notice,
      form,
    ),
  );
}

function explain(refusal) {
  if (refusal.status === 401) return "That e-mail and password do not match.";
  if (refusal.status === 429) {
    const minutes = Math.ceil(refusal.retryAfter / 60);
    const when = refusal.retryAfter > 90 ? `in ${minutes} minutes` : "in a minute";
    return `Too many attempts. Try again ${when}.`;
  }
  return refusal.message;
}
