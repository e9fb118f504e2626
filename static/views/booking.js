// One booking of the pilgrim's own: its ticket to show at the gate, or its place in the line.

import { attribute, h, text } from "../dom.js";
import { words } from "../format.js";

const STATUS = { confirmed: "Confirmed", waitlisted: "On the waitlist", checked_in: "Checked in", no_show: "Did not come", expired: "No places came free" };

const day = (date) => new Date(`${date}T12:00:00`).toLocaleDateString(undefined, { weekday: "short", day: "numeric", month: "long" });

/** Whether it is still to come, or under way. */
export function isAhead(booking, now) {
  return ["confirmed", "waitlisted", "checked_in"].includes(booking.status) && Date.parse(booking.ends_at) > now;
}

/** The card; `onCancel(booking)` gives the booking back. */
export function bookingCard({ templeName, onCancel }) {
  const place = h("h3", { class: "ticket-place" });
  const when = h("p", { class: "ticket-when" });
  const status = h("span", { class: "ticket-status" });
  const image = h("img", { class: "ticket-qr", alt: "", width: "320", height: "320", hidden: true });
  const code = h("p", { class: "ticket-code" });
  const hint = h("p", { class: "ticket-hint" });
  const error = h("p", { class: "form-error", role: "alert", hidden: true });
  const ask = h("button", { type: "button", class: "button ticket-cancel", on: { click: () => confirm(true) } }, "Cancel booking");
  const yes = h("button", { type: "button", class: "button ticket-yes", on: { click: give } }, "Yes, give it back");
  const no = h("button", { type: "button", class: "button button-quiet", on: { click: () => confirm(false) } }, "Keep it");
  const sure = h("div", { class: "ticket-sure", role: "group", "aria-label": "Cancel this booking?", hidden: true }, yes, no);
  const element = h("li", { class: "ticket" },
    h("div", { class: "ticket-head" }, place, status), when, image, code, hint, error, h("div", { class: "ticket-foot" }, ask, sure));
  let shown = null;
  let drawn = null;

  function confirm(asking) {
    ask.hidden = asking;
    sure.hidden = !asking;
    (asking ? no : ask).focus();
  }

  async function give() {
    yes.disabled = true;
    error.hidden = true;
    try {
      await onCancel(shown);
    } catch (refusal) {
      text(error, refusal.message);
      error.hidden = false;
      confirm(false);
    } finally {
      yes.disabled = false;
    }
  }

  image.addEventListener("load", () => {
    image.hidden = false;
  });
  // The code below it opens the gate as well; the next draw tries again, by an address that is good for longer.
  image.addEventListener("error", () => {
    drawn = null;
  });

  return {
    element,

    draw(booking, now) {
      shown = booking;
      attribute(element, "data-booking", booking.id);
      attribute(element, "data-status", booking.status);
      text(place, templeName(booking.temple_id));
      text(when, `${day(booking.date)}, ${booking.slot.replace("-", "–")} · party of ${booking.party_size}`);
      text(status, STATUS[booking.status] ?? words(booking.status));
      text(code, booking.booking_code);
      image.alt = `QR code of booking ${booking.booking_code}`;
      // The same ticket is not loaded anew whenever its address changes: the network may be gone by then.
      const ticket = booking.status === "confirmed" ? booking.ticket : null;
      if (ticket && drawn !== ticket) {
        drawn = ticket;
        image.src = booking.qr_svg_url;
      } else if (!ticket) {
        drawn = null;
        image.hidden = true;
      }
      text(hint, hintOf(booking));
      hint.hidden = hint.textContent === "";
      const begun = Date.parse(booking.starts_at) <= now;
      const can = !begun && ["confirmed", "waitlisted"].includes(booking.status);
      ask.parentElement.hidden = !can;
      text(ask, booking.status === "waitlisted" ? "Leave the waitlist" : "Cancel booking");
    },
  };
}

function hintOf(booking) {
  if (booking.status === "waitlisted") return `Number ${booking.waitlist_position} in line. You are told as soon as places come free.`;
  if (booking.status === "confirmed") return "Show this at the gate. It opens 30 minutes before the slot.";
  return booking.reason ? words(booking.reason) : "";
}
