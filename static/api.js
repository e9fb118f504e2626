// Requests, and the tokens that they carry. The access token lives in memory; the refresh token in this tab's session storage, so that a
// reload stays signed in and a closed tab does not.

const KEY = "gatehouse.refresh";

/** A refusal: its status, and the problem document's words. */
export class ApiError extends Error {
  constructor(status, problem, retryAfter) {
    super(problem?.detail ?? (status ? `The server answered ${status}.` : "The server cannot be reached."));
    this.status = status;
    this.reason = problem?.reason ?? null;
    this.errors = problem?.errors ?? {};
    this.retryAfter = retryAfter;
  }
}

/** The API as one user. `onSignedOut` is called when the session has ended for good. */
export function createApi({ onSignedOut }) {
  let access = null;
  let expiresAt = 0;
  let refreshing = null;
  let timer = 0;
  // Counts sessions, so that an answer which was under way when one ended is not taken into the next.
  let session = 0;

  async function send(method, path, body, token, { key, within } = {}) {
    const headers = { accept: "application/json" };
    if (body !== undefined) headers["content-type"] = "application/json";
    if (token) headers.authorization = `Bearer ${token}`;
    if (key) headers["idempotency-key"] = key;
    const signal = within ? AbortSignal.timeout(within) : undefined;
    try {
      const response = await fetch(path, {
        method, headers, body: body === undefined ? undefined : JSON.stringify(body), credentials: "omit", signal,
      });
      const document = response.status === 204 ? null : await response.json().catch(() => null);
      if (!response.ok) throw new ApiError(response.status, document, Number(response.headers.get("retry-after")) || 0);
      return document;
    } catch (error) {
      throw error instanceof ApiError ? error : new ApiError(0);
    }
  }

  function keep(answer) {
    access = answer.access;
    const lifetime = (answer.expires_in ?? 300) * 1000;
    // Renewed a minute ahead, or at three quarters of a short life.
    const ahead = Math.min(60_000, lifetime / 4);
    expiresAt = Date.now() + lifetime - ahead;
    sessionStorage.setItem(KEY, answer.refresh);
    clearTimeout(timer);
    timer = setTimeout(() => refresh().catch(() => {}), Math.min(lifetime - ahead, 2 ** 31 - 1));
  }

  function forget() {
    session += 1;
    access = null;
    expiresAt = 0;
    clearTimeout(timer);
    sessionStorage.removeItem(KEY);
  }

  /** One exchange at a time: the refresh token is spent by it. */
  function refresh() {
    refreshing ??= exchange().finally(() => {
      refreshing = null;
    });
    return refreshing;
  }

  async function exchange() {
    const mine = session;
    const token = sessionStorage.getItem(KEY);
    if (!token) throw new ApiError(401);
    try {
      const answer = await send("POST", "/api/auth/refresh", { refresh: token });
      if (mine === session) keep(answer);
    } catch (error) {
      // Only a refusal ends the session; a server that is away or busy does not.
      if (mine === session && [400, 401, 403, 422].includes(error.status)) {
        forget();
        onSignedOut();
      }
      throw error;
    }
  }

  async function request(method, path, body, options) {
    if (!access || Date.now() >= expiresAt) await refresh();
    const used = access;
    try {
      return await send(method, path, body, used, options);
    } catch (error) {
      if (error.status !== 401) throw error;
      if (used === access) await refresh();
      return send(method, path, body, access, options);
    }
  }

  return {
    /** `options`: `within`, milliseconds after which the server counts as away. */
    get: (path, options) => request("GET", path, undefined, options),
    /** `options`: also `key`, the idempotency key. */
    post: (path, body, options) => request("POST", path, body, options),
    patch: (path, body) => request("PATCH", path, body),
    delete: (path) => request("DELETE", path),

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

    /** Signs in. */
    async signIn(email, password) {
      keep(await send("POST", "/api/auth/login", { email, password }));
    },

    /** Whether this tab has a session to go on with. */
    canResume: () => sessionStorage.getItem(KEY) !== null,

    /** Ends the session here and on the server; here also when the server is away. */
    async signOut() {
      const token = sessionStorage.getItem(KEY);
      const used = access;
      forget();
      if (token) await send("POST", "/api/auth/logout", { refresh: token }, used).catch(() => {});
    },
  };
}
