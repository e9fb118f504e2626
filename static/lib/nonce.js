// Names for what must not be done twice.

/** Random letters that name a scan or a wish. Also where the page is not a secure context. */
export function newNonce() {
  return [...crypto.getRandomValues(new Uint8Array(16))].map((byte) => byte.toString(16).padStart(2, "0")).join("");
}
