// Why the server refuses, in words. Its own sentences are for programs: in English, with times in UTC and with addresses of the API.

import { t } from "./i18n.js";
import { day, shortMoment, time } from "./time.js";

/** The words for each `reason` of a refusal that a visitor can meet. */
export const REASONS = {
  // Accounts.
  known_address: "This e-mail address has an account already, with another password. Sign in with that, or have a new one sent.",
  unchanged: "The password was not changed: no answer came. Try again.",
  // Booking.
  not_open: "Booking is not open yet.",
  booking_closed: "Booking is closed.",
  closed: "The temple is closed then, or the slot is not offered any more.",
  begun: "The slot has begun already.",
  over: "The slot is over.",
  full: "Too few places are left for your party: join the waitlist.",
  places_left: "There are places for your party: book them.",
  per_person: "You have as many bookings in this slot as one person may have.",
  waitlist_full: "The waitlist is full.",
  too_often: "That was too often. Try again in a minute.",
  too_many_live: "You have as many ahead as one person may have: cancel one first.",
  email_unconfirmed: "Confirm your e-mail address first.",
  no_ticket: "The booking has no ticket.",
  // What became of a booking meanwhile.
  waitlisted: "The booking is on the waitlist.",
  cancelled: "It is cancelled already.",
  revoked: "The temple has taken the booking back.",
  expired: "It has expired.",
  checked_in: "The booking is checked in already.",
  exited: "Everybody of the booking has left already.",
  no_show: "The slot is over, and nobody came.",
  // Reserving.
  taken: "The spot is taken at that time.",
  out_of_service: "The spot is out of service.",
  too_many_holds: "Too many of your reservations wait to be paid.",
  not_possible: "That is not possible any more.",
  too_early: "It is too early.",
  too_late: "It is too late.",
  due: "Pay the difference of the last change first.",
  disputed: "The payment is disputed at the bank.",
  // Paying.
  paid: "It is paid already.",
  lapsed: "It was not paid in time: the spot is free for others. Reserve again.",
  changed: "The reservation costs something else now: try again.",
  processing: "Another payment of it is under way: the bank has not said yet how it ends.",
  checkout: "It is paid on the page of the payment service.",
  declined: "The payment was declined.",
  amount_too_small: "The price is too small to be paid by card.",
  not_chargeable: "It cannot be paid this way.",
  not_set_up: "This is not set up here.",
};

/** The words for a reason; null where there are none. */
export const reasonWords = (reason) => (Object.hasOwn(REASONS, reason ?? "") ? t(REASONS[reason]) : null);

/** A sentence of the server's with its times as they are written here. */
export const readable = (sentence) => sentence
  .replace(/\d{4}-\d\d-\d\dT\d\d:\d\d(:\d\d(\.\d+)?)?(Z|[+-]\d\d:\d\d)/g, (at) => (time(at) === null ? at : shortMoment(time(at))))
  .replace(/\b\d{4}-\d\d-\d\d\b/g, (date) => (time(date) === null ? date : day(time(date), "UTC")));
