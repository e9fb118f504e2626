"use strict";

// Swagger UI and ReDoc assign strings where markup is expected. The policy lets them, for markup alone: what they render of the
// document has been through DOMPurify. Strings never become scripts; of URLs, only a worker's that this page has made itself.
globalThis.trustedTypes?.createPolicy("default", {
  createHTML: (markup) => markup,
  createScriptURL: (url) => (url.startsWith(`blob:${location.origin}/`) ? url : null),
});
