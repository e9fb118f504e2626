// Paying a reservation. No card is ever seen here: the payment service's own form would stand in this place, with the client secret; its
// test methods stand for what a driver would enter there.

import { announce, attribute, h, text } from "../dom.js";
import { countdown, money } from "../reservations.js";

const METHODS = [
  ["pm_card_visa", "Test card that is accepted"],
  ["pm_card_visa_chargeDeclined", "Test card that is declined"],
];

/** The dialog. `pay(reservation)` opens it; `onPaid` is told when the server has said that it is paid. */
export function paymentDialog({ api, serverNow, onPaid }) {
  const title = h("h2", { id: "pay-title" }, "Pay");
  const amount = h("p", { class: "pay-amount" });
  const left = h("p", { class: "pay-left" });
  const secret = h("code", { class: "pay-secret" });
  const method = h("select", { id: "pay-method" }, METHODS.map(([value, label]) => h("option", { value }, label)));
  const problem = h("p", { class: "form-error", role: "alert", hidden: true });
  const pay = h("button", { type: "submit", class: "button button-main" }, "Pay now");
  const later = h("button", { type: "button", class: "button", on: { click: () => dialog.close() } }, "Later");
  const form = h("form", { class: "pay-form", on: { submit } },
    title, amount, left,
    h("p", { class: "hint" }, "Client secret: ", secret),
    h("label", { for: "pay-method" }, "Payment method"), method,
    problem,
    h("div", { class: "form-buttons" }, later, pay));
  const dialog = h("dialog", { class: "sheet", "aria-labelledby": "pay-title" }, form);
  let intent = null;
  let timer = 0;

  function refuse(message) {
    problem.hidden = !message;
    text(problem, message ?? "");
  }

  function tick() {
    const until = Date.parse(intent?.expires_at ?? "");
    text(left, Number.isNaN(until) ? "" : `Held for you for ${countdown(until - serverNow())} more.`);
  }

  async function submit(event) {
    event.preventDefault();
    if (!intent || pay.hasAttribute("aria-busy")) return;
    attribute(pay, "aria-busy", "true");
    refuse(null);
    try {
      const answer = await api.post("/api/payments/confirm", { payment_intent_id: intent.payment_intent_id, payment_method: method.value });
      if (answer.status === "succeeded") {
        dialog.close();
        announce("Paid.");
      } else {
        refuse(`The payment is ${String(answer.status).replaceAll("_", " ")}. Try again, or another method.`);
      }
      onPaid();
    } catch (error) {
      refuse(error.message);
    } finally {
      attribute(pay, "aria-busy", null);
    }
  }

  dialog.addEventListener("close", () => clearInterval(timer));

  return {
    element: dialog,

    /** Asks for an intent and shows the dialog. Throws what the server refuses. */
    async pay(reservation) {
      intent = await api.post("/api/payments/create-intent", { reservation_id: reservation.id });
      refuse(null);
      text(amount, money(intent.amount, intent.currency));
      text(secret, intent.client_secret);
      tick();
      clearInterval(timer);
      timer = setInterval(tick, 1000);
      dialog.showModal();
      method.focus();
    },
  };
}
