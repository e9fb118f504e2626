// Keeps the console's own files, so that a page that was open once opens again without a network. It touches nothing of the API: what is live
// must never come from here.

const CACHE = "gatehouse-console-2";
const PAGE = "/console/";
// The addresses that are the page itself. Whatever else somebody leads a browser to is never kept in its place.
const IS_PAGE = /^\/console\/(?:(?:s|account|reservations)(?:\/.*)?)?$/;
// A content's hash in the name: such a file never changes.
const NAMED = /\.([0-9a-f]{12})\.(?:js|css)$/;
const AWAY_MS = 4000;
// Scripts are asked for with an `Origin` that the worker's own requests lack, and answers vary by it: what is kept is the same for both.
const ANY = { ignoreVary: true };

self.addEventListener("install", (event) => {
  event.waitUntil(keepPage().then(() => self.skipWaiting()));
});

self.addEventListener("activate", (event) => {
  event.waitUntil((async () => {
    for (const name of await caches.keys()) if (name !== CACHE) await caches.delete(name);
    await self.clients.claim();
  })());
});

self.addEventListener("message", (event) => {
  const paths = Array.isArray(event.data?.keep) ? event.data.keep.filter((path) => typeof path === "string" && path.startsWith(PAGE)) : [];
  event.waitUntil(keep(paths));
});

async function keepPage() {
  const answer = await fetch(PAGE);
  if (!answer.ok || !opens(answer)) throw new TypeError("that is not the console");
  await (await caches.open(CACHE)).put(PAGE, answer);
}

async function keep(paths) {
  const cache = await caches.open(CACHE);
  for (const path of paths) {
    if (!(await cache.match(path, ANY))) await cache.add(path).catch(() => {});
  }
}

/** Files of releases that are no more. */
async function forgetOld(cache, page) {
  const named = new Set((await page.clone().text()).match(/\/console\/[^"]+\.[0-9a-f]{12}\.(?:js|css)/g) ?? []);
  if (named.size === 0) return;
  for (const request of await cache.keys()) {
    const { pathname } = new URL(request.url);
    if (NAMED.test(pathname) && !named.has(pathname)) await cache.delete(request);
  }
}

/** Whether an answer may open the console from now on: the page as this server gives it, not what something led elsewhere. */
const opens = (answer) => !answer.redirected && /^text\/html\b/.test(answer.headers.get("content-type") ?? "");

async function fromNetwork(request, kept) {
  const cache = await caches.open(CACHE);
  try {
    const answer = await fetch(request, { signal: AbortSignal.timeout(AWAY_MS) });
    // The server's own trouble is as good as none: the page that is kept opens.
    if (answer.status >= 500) return (await cache.match(kept, ANY)) ?? answer;
    if (answer.ok && (kept !== PAGE || opens(answer))) {
      await cache.put(kept, answer.clone());
      if (kept === PAGE) await forgetOld(cache, answer.clone());
    }
    return answer;
  } catch (error) {
    const known = await cache.match(kept, ANY);
    if (known) return known;
    throw error;
  }
}

/**
 * Whether a file has the content that its name says. What lies in the cache may have been put there by anybody who sat at the machine. The browser
 * itself holds it to all of its hash, which the page knows and a worker is not told.
 */
async function isGenuine({ url }, file) {
  const digest = new Uint8Array(await crypto.subtle.digest("SHA-256", await file.clone().arrayBuffer()));
  const hex = [...digest].map((byte) => byte.toString(16).padStart(2, "0")).join("");
  return hex.startsWith(NAMED.exec(new URL(url).pathname)[1]);
}

async function fromCache(request) {
  const cache = await caches.open(CACHE);
  const known = await cache.match(request, ANY);
  // The browser would refuse another; asked for anew, the console opens all the same.
  if (known && (await isGenuine(request, known))) return known;
  const answer = await fetch(request);
  if (answer.ok) await cache.put(request, answer.clone());
  return answer;
}

self.addEventListener("fetch", (event) => {
  const { request } = event;
  const url = new URL(request.url);
  if (request.method !== "GET" || url.origin !== location.origin || !url.pathname.startsWith(PAGE)) return;
  if (request.mode === "navigate") {
    // Other files that can be opened, such as the guide's old single pages or a picture, are kept as themselves.
    event.respondWith(fromNetwork(request, IS_PAGE.test(url.pathname) ? PAGE : url.pathname));
  } else if (NAMED.test(url.pathname)) {
    event.respondWith(fromCache(request));
  } else {
    event.respondWith(fromNetwork(request, url.pathname));
  }
});
