// The service worker, which keeps what the gate and a ticket need when there is no network.

const WORKER = "/console/sw.js";

/** Starts it, where the browser has them. The one Trusted Types policy of the console gives its address. */
export async function keepOffline() {
  if (!("serviceWorker" in navigator)) return;
  const address = globalThis.trustedTypes
    ? trustedTypes.createPolicy("gatehouse", {
        createScriptURL(wanted) {
          if (wanted !== WORKER) throw new TypeError("not the address of the service worker");
          return wanted;
        },
      }).createScriptURL(WORKER)
    : WORKER;
  try {
    await navigator.serviceWorker.register(address, { scope: "/console/" });
    await navigator.serviceWorker.ready;
    keepLoaded();
  } catch {
    // Without it the console works as long as there is a network.
  }
}

/** Has the worker keep what this page has loaded before the worker was there. */
export function keepLoaded() {
  const loaded = performance.getEntriesByType("resource").map((entry) => new URL(entry.name))
    .filter((url) => url.origin === location.origin && url.pathname.startsWith("/console/"))
    .map((url) => url.pathname);
  navigator.serviceWorker?.ready.then(({ active }) => active?.postMessage({ keep: [...new Set(loaded)] }));
}
