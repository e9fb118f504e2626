// One request, and what a refusal says.

// The server gives up on a request after half a minute; what takes longer is a line that leads nowhere.
const WITHIN_MS = 35_000;

/** A refusal: its status, and the problem document's words. */
export class ApiError extends Error {
  constructor(status, problem, retryAfter, isLate = false) {
    super(problem?.detail ?? (status ? `The server answered ${status}.` : isLate ? "The server does not answer." : "The server cannot be reached."));
    this.status = status;
    this.reason = problem?.reason ?? null;
    this.errors = problem?.errors ?? {};
    this.problem = problem ?? null;
    this.retryAfter = retryAfter;
    this.isLate = isLate;
  }

  /** Whether the server gave no answer worth the name: what was asked may be asked again. */
  get isAway() {
    return this.status === 0 || this.status >= 500 || this.status === 429;
  }

  /** Whether nobody knows if what was asked for was done: the answer was lost on its way, or is not the server's own. */
  get isUnknown() {
    return this.status === 0 || this.status >= 500 || this.status === 408 || this.status === 425;
  }
}

/**
 * @typedef {object} RequestOptions
 * @property {string} [key] The idempotency key.
 * @property {number} [within] Milliseconds after which the server counts as away; as long as files take, where what is wanted is a file.
 * @property {boolean} [withCookie] Whether the cookie of the session goes along.
 * @property {string} [accept] What is wanted that is no JSON.
 * @property {boolean} [keepalive] For what is sent while the page is left.
 */

/**
 * Asks once.
 * @param {string} method
 * @param {string} path
 * @param {any} body
 * @param {string | null} token
 * @param {RequestOptions} options
 */
export async function send(method, path, body, token, { key, within, withCookie, accept, keepalive } = {}) {
  const headers = { accept: accept ?? "application/json" };
  const isRaw = body instanceof Blob;
  if (body !== undefined) headers["content-type"] = isRaw ? body.type : "application/json";
  if (token) headers.authorization = `Bearer ${token}`;
  if (key) headers["idempotency-key"] = key;
  const most = within ?? (accept ? 0 : WITHIN_MS);
  const signal = most ? AbortSignal.timeout(most) : undefined;
  try {
    const response = await fetch(path, {
      method, headers, body: body === undefined || isRaw ? body : JSON.stringify(body), credentials: withCookie ? "same-origin" : "omit", signal, keepalive,
    });
    if (response.ok && accept) return await response.blob();
    const document = response.status === 204 ? null : await response.json().catch(() => null);
    if (!response.ok) throw new ApiError(response.status, document, Number(response.headers.get("retry-after")) || 0);
    return document;
  } catch (error) {
    throw error instanceof ApiError ? error : new ApiError(0, null, 0, error?.name === "TimeoutError");
  }
}
