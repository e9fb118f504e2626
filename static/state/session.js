// Who is signed in, and what happens when that ends: the page that is open asks for the password, and keeps what was being written.

import { createApi } from "../lib/api.js";
import { ApiError } from "../lib/request.js";
import { isLanguageChosen, setLanguage } from "../lib/i18n.js";
import { isClockChosen, setHours } from "../lib/time.js";
import { announceHeard } from "../parts/heard.js";
import { clearToasts } from "../parts/toasts.js";
import { signal } from "../lib/ui.js";
import { waitingScans } from "./gate-store.js";
import { clearLeavings } from "./leavings.js";
import { startLive, stopLive } from "./live.js";

/** The user; null for nobody; undefined until that is known. */
export const user = signal(undefined);
/** What the sign-in page says first. */
export const notice = signal(null);
/** The session that has ended under a page: `{ user, done, fail }`; null while all is well. */
export const expired = signal(null);

/** What is to be sent before a session is left, as promises are made of it. */
const lasts = new Set();
// So long a sign-out waits for it: the server may be away.
const LASTS_MS = 3000;
// And so long for what a gate has on this machine.
const SCANS_MS = 1000;

/** Has `send()` called before somebody signs out: it sends what they have decided and can no longer take back. */
export const beforeLeaving = (send) => lasts.add(send);

/** Whether the server does not know yet that somebody has signed out here. */
export const untold = signal(false);

/** A sign-out that waits for a word: `{ scans, answer(is) }`, with how many scans of a gate are on this machine alone. */
export const asksToLeave = signal(null);

export const api = createApi({
  onForgotten: clearLeavings,
  onUntold(is) {
    untold.value = is;
  },
  onExpired: (who) =>
    new Promise((done, fail) => {
      expired.value = { user: who, done, fail };
    }),
  onElsewhere(kind) {
    if (kind === "in" && !user.value) location.reload();
    else if (kind === "other") {
      // Before the reload, which a page may ask about: nothing of one user is shown to the other.
      leave(null);
      location.reload();
    }
    else if (kind === "out") leave("signed_out");
    else if (kind === "renewed") goOn();
    else if (kind === "leaving") lastWords();
  },
});

function enter(who) {
  user.value = who;
  notice.value = null;
  startLive({ api, user: who, onHeard: announceHeard });
}

/** The session that had ended goes on: what waited for the password is asked for now. */
function goOn() {
  const asked = expired.value;
  expired.value = null;
  asked?.done();
}

function leave(why) {
  // What waits for the password is not to wait for the next one's.
  expired.value?.fail(new ApiError(401, null));
  stopLive();
  clearToasts();
  expired.value = null;
  notice.value = why;
  user.value = null;
  startLive({ api, user: null, onHeard: announceHeard });
}

/** Goes on with the session that there is. */
export async function resume() {
  try {
    enter(await api.resume());
  } catch (error) {
    leave(error.message);
  }
}

export async function signIn(email, password) {
  enter(await api.signIn(email, password));
  // Given up when they leave meanwhile: the answer is of nobody then.
  adopt().catch(() => {});
}

/** Takes over how the account reads, in a browser where nobody has chosen that. */
async function adopt() {
  if (isLanguageChosen() && isClockChosen()) return;
  const { language, hour_cycle: cycle } = await api.get("/api/users/me");
  if (language && !isLanguageChosen()) await setLanguage(language);
  if (cycle && !isClockChosen()) setHours(cycle === "h12" ? "12" : "24");
}

/** Signs in again over the page that is open. Somebody else begins anew. */
export async function signInAgain(password) {
  const { user: who } = expired.value;
  const now = await api.signIn(who.email, password);
  if (now.id !== who.id) {
    location.reload();
    return;
  }
  goOn();
}

/** Takes over what somebody has changed of their own account, where it is shown all the time. */
export function know({ name, email }) {
  api.know({ name, email });
  user.value = { ...user.value, name, email };
}

let isLeaving = false;

const later = (ms, value = null) => new Promise((done) => setTimeout(() => done(value), ms));

export async function signOut() {
  if (isLeaving) return;
  isLeaving = true;
  try {
    const scans = await Promise.race([waitingScans(), later(SCANS_MS, 0)]);
    if (scans > 0 && !(await new Promise((answer) => (asksToLeave.value = { scans, answer })))) return;
    api.announceLeaving();
    await lastWords();
    leaveNow();
  } finally {
    asksToLeave.value = null;
    isLeaving = false;
  }
}

/** Sends what still waits, in the name of who decided it. */
function lastWords() {
  const sent = Promise.allSettled([...lasts].map((send) => send()));
  return Promise.race([sent, later(LASTS_MS)]);
}

function leaveNow() {
  // First, so that what the page asks for next is asked for by nobody. The server is told meanwhile.
  api.signOut();
  leave("signed_out");
}
