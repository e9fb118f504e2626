// Requests, and the session that they belong to. The access token lives in memory; the refresh token in a cookie that no script can read. All
// tabs share one session: one of them at a time exchanges the token, and the others are told.

import { ApiError, send } from "./request.js";

const HINT = "gatehouse.signed_in";
const LOCK = "gatehouse.session";
// A session that has ended here, of which the server does not know yet. Whoever finds this tells the server before anything else.
const LEAVING = "gatehouse.leaving";
const TELL_AGAIN_MS = 30_000;
const ENDED = [400, 401, 403, 422];
// A session that is gone on with at the start: meanwhile nothing is on the screen, not even what is kept here.
const RESUME_MS = 3000;

/** Who was signed in here last, without any secret. */
function remembered() {
  try {
    const user = JSON.parse(localStorage.getItem(HINT));
    return typeof user?.id === "string" ? user : null;
  } catch {
    return null;
  }
}

let turn = Promise.resolve();

/** Alone among all tabs; where the browser has no locks (plain HTTP), alone in this one. */
function alone(run) {
  if (navigator.locks) return navigator.locks.request(LOCK, run);
  const mine = turn.then(run);
  turn = mine.catch(() => {});
  return mine;
}

/**
 * The API as one user. `onExpired(email)` is called when the session has ended for good, and gives a promise that is kept when somebody has
 * signed in again, or broken when nobody will; `onElsewhere(kind)` when another tab has signed in or out, or renewed what this one asks for;
 * `onUntold(is)` when the server does not know yet that a session has ended, and when it does; `onForgotten()` when
 * the user is gone for good, and what is kept of them has to go.
 */
export function createApi({ onExpired, onElsewhere, onUntold, onForgotten }) {
  let access = null;
  let expiresAt = 0;
  let user = null;
  let refreshing = null;
  let asking = null;
  let timer = 0;
  let telling = 0;
  // Counts sessions, so that an answer which was under way when one ended is not taken into the next.
  let session = 0;
  const channel = "BroadcastChannel" in globalThis ? new BroadcastChannel(LOCK) : null;

  channel?.addEventListener("message", ({ data }) => {
    if (data.kind === "tokens") {
      if (user && data.user !== user.id) onElsewhere("other");
      else if (user) {
        take(data);
        // One password serves all tabs.
        onElsewhere("renewed");
      } else onElsewhere("in");
    } else if (data.kind === "leaving" && user) {
      onElsewhere("leaving");
    } else if (data.kind === "out" && user) {
      forget();
      onElsewhere("out");
    }
  });

  function take(tokens) {
    ({ access, expiresAt } = tokens);
    clearTimeout(timer);
    timer = setTimeout(() => refresh().catch(() => {}), Math.min(Math.max(0, expiresAt - Date.now()), 2 ** 31 - 1));
  }

  function keep(answer) {
    if (user && answer.user.id !== user.id) session += 1;
    const lifetime = (answer.expires_in ?? 300) * 1000;
    // Renewed a minute ahead, or at three quarters of a short life.
    take({ access: answer.access, expiresAt: Date.now() + lifetime - Math.min(60_000, lifetime / 4) });
    user = answer.user;
    localStorage.setItem(HINT, JSON.stringify(user));
    channel?.postMessage({ kind: "tokens", access, expiresAt, user: user.id });
  }

  function forget() {
    session += 1;
    access = null;
    expiresAt = 0;
    user = null;
    // What still waits for the password is the page's to end; nobody later waits with it.
    asking = null;
    clearTimeout(timer);
    localStorage.removeItem(HINT);
    onForgotten();
  }

  const isLeaving = () => localStorage.getItem(LEAVING) !== null;

  /** Ends the session of the cookie on the server, alone. What the server cannot be told now it is told later. */
  async function end(token = null) {
    clearTimeout(telling);
    localStorage.setItem(LEAVING, "1");
    try {
      await send("POST", "/api/auth/logout", { cookie: true }, token, { withCookie: true, keepalive: true });
    } catch (error) {
      if (error.isAway) {
        telling = setTimeout(tellAgain, TELL_AGAIN_MS);
        onUntold(true);
        throw error;
      }
      // Any other answer is the server's word: there is no such session.
    }
    localStorage.removeItem(LEAVING);
    onUntold(false);
  }

  /** Tells the server of a session that has ended, where it is not told yet. */
  const tellAgain = () => alone(async () => isLeaving() && (await end())).catch(() => {});

  addEventListener("online", () => isLeaving() && tellAgain());
  addEventListener("storage", (event) => event.key === LEAVING && !isLeaving() && onUntold(false));

  /** Whether an answer is of another account than the one that is shown, or that was here last. */
  function isForeign(answer) {
    const expected = user ?? remembered();
    return Boolean(expected) && answer.user.id !== expected.id;
  }

  /** The cookie is another account's. What is on the page was not written for it, and nothing more is done in its name. */
  async function leaveForeign(answer) {
    // Somebody signed in by another tab that could not say so: theirs is the session that is meant.
    const isKnown = remembered()?.id === answer.user.id;
    if (!isKnown) {
      await end(answer.access).catch(() => {});
      forget();
    }
    onElsewhere("other");
    throw new ApiError(401, null);
  }

  function refresh() {
    refreshing ??= exchange().finally(() => {
      refreshing = null;
    });
    return refreshing;
  }

  async function exchange() {
    const mine = session;
    await alone(async () => {
      // While this tab waited its turn, another may have done it.
      if (access && Date.now() < expiresAt) return;
      try {
        // Who has signed out does not go on.
        if (isLeaving()) {
          await end();
          throw new ApiError(401, null);
        }
        const answer = await send("POST", "/api/auth/refresh", undefined, null, { withCookie: true });
        if (mine !== session) return;
        await (isForeign(answer) ? leaveForeign(answer) : keep(answer));
      } catch (error) {
        // Only a refusal ends the session; a server that is away or busy does not.
        if (mine === session && ENDED.includes(error.status)) error.isEnd = true;
        throw error;
      }
    });
  }

  /** Asks for the password, once for all that waits for it. */
  function ask() {
    if (!asking) {
      const mine = onExpired(user).finally(() => {
        if (asking === mine) asking = null;
      });
      asking = mine;
    }
    return asking;
  }

  /** A token that is good now. When the session is over, the page asks for the password, and what was asked for waits. */
  async function token() {
    while (!access || Date.now() >= expiresAt) {
      try {
        await refresh();
      } catch (error) {
        if (!error.isEnd) throw error;
        if (!user) {
          forget();
          throw error;
        }
        await ask();
      }
    }
    return access;
  }

  async function request(method, path, body, options) {
    // What the public may see is asked for without a token by who has none.
    if (!user) return send(method, path, body, null, options);
    const mine = session;
    // What one user asked for is never asked in the name of the next, and its answer is never the next one's to see.
    const still = (value) => {
      if (mine !== session) throw new ApiError(401, null);
      return value;
    };
    const used = still(await token());
    try {
      return still(await send(method, path, body, used, options));
    } catch (error) {
      if (still(error).status !== 401) throw error;
      if (used === access) expiresAt = 0;
      const next = still(await token());
      return still(await send(method, path, body, next, options));
    }
  }

  return {
    /** `options`: `within`, milliseconds after which the server counts as away; `keepalive`, for what is sent while the page is left. */
    get: (path, options) => request("GET", path, undefined, options),
    /** `options`: also `key`, the idempotency key. */
    post: (path, body, options) => request("POST", path, body, options),
    patch: (path, body, options) => request("PATCH", path, body, options),
    put: (path, body, options) => request("PUT", path, body, options),
    delete: (path, body) => request("DELETE", path, body),
    /** What is no JSON: a picture, a recording. */
    blob: (path, options) => request("GET", path, undefined, { accept: "*/*", ...options }),

    /** Every item of a list, page by page, at most `most` of them. */
    async all(path, most = 5000, options) {
      const items = [];
      let cursor = null;
      do {
        const query = cursor ? `${path.includes("?") ? "&" : "?"}cursor=${encodeURIComponent(cursor)}` : "";
        const page = await request("GET", path + query, undefined, options);
        items.push(...page.items);
        cursor = page.next_cursor;
      } while (cursor && items.length < most);
      return items;
    },

    /** Signs in. The session that was left goes first: its end would be this one's. */
    async signIn(email, password) {
      await alone(async () => {
        if (isLeaving()) await end();
        keep(await send("POST", "/api/auth/login", { email, password, cookie: true }, null, { withCookie: true }));
      });
      return user;
    },

    /**
     * Changes the password, which ends all sessions of the account, and begins a new one before this tab or another misses its own. After a
     * lost answer the new password tells whether it was changed.
     */
    async changePassword(path, body) {
      const mine = session;
      const used = await token();
      // Whoever signs out meanwhile waits for this, and ends the new session; it is not gone on with here.
      const still = () => {
        if (mine !== session) throw new ApiError(401, null);
      };
      await alone(async () => {
        still();
        let lost = null;
        let { email } = user;
        try {
          email = (await send("PATCH", path, body, used))?.email ?? email;
        } catch (error) {
          if (!error.isUnknown) throw error;
          lost = error;
        }
        let answer;
        try {
          answer = await send("POST", "/api/auth/login", { email, password: body.password, cookie: true }, null, { withCookie: true });
        } catch (error) {
          // The new password is not theirs: nothing was changed.
          if (lost && error.status === 401) throw new ApiError(409, { reason: "unchanged" });
          if (lost) throw lost;
          // It is changed: the page asks for it when it next needs a session.
          return;
        }
        still();
        keep(answer);
      });
    },

    /** Takes over what the user has changed of their own account. */
    know(change) {
      user = { ...user, ...change };
      localStorage.setItem(HINT, JSON.stringify(user));
    },

    /** Goes on with the session of the cookie, where there is one; the user, or null. */
    async resume() {
      if (isLeaving()) {
        onUntold(true);
        forget();
        tellAgain();
        return null;
      }
      if (localStorage.getItem(HINT) === null) return null;
      try {
        // Not cut off: an answer that comes later still brings the next cookie, without which the session would be taken for stolen.
        await Promise.race([refresh(), new Promise((_, fail) => setTimeout(() => fail(new ApiError(0, null, 0, true)), RESUME_MS))]);
      } catch (error) {
        if (error.isEnd) forget();
        // The server is away: whoever was here before goes on with what is kept on this machine.
        else user = remembered();
      }
      return user;
    },

    user: () => user,

    /** Says that the session is about to end, also to whoever opens the next page. What other tabs have yet to send they send now. */
    announceLeaving() {
      localStorage.setItem(LEAVING, "1");
      channel?.postMessage({ kind: "leaving" });
    },

    /** Ends the session here and on the server; here also when the server is away. */
    async signOut() {
      const used = access;
      forget();
      // Written down first: a page that is closed meanwhile is still one that was left.
      localStorage.setItem(LEAVING, "1");
      channel?.postMessage({ kind: "out" });
      await alone(() => end(used)).catch(() => {});
    },
  };
}
