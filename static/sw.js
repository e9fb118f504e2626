// Keeps the console's own files, so that a page that was open once opens again without a network. It touches nothing of the API: what is live
// must never come from here.

const CACHE = "gatehouse-console-1";
const PAGE = "/console/";
// A content's hash in the name: such a file never changes.
const NAMED = /\.[0-9a-f]{12}\.(js|css)$/;
const AWAY_MS = 4000;
// What is kept is plain, whatever encoding it came in, and for this origin alone: headers that a request has and the one that kept it had not
// are no difference. Modules are asked for with an `Origin`, what is kept by its name is not.
const ANY = { ignoreVary: true };

self.addEventListener("install", (event) => {
  event.waitUntil(caches.open(CACHE).then((cache) => cache.add(PAGE)).then(() => self.skipWaiting()));
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

async function fromNetwork(request, kept) {
  const cache = await caches.open(CACHE);
  try {
    const answer = await fetch(request, { signal: AbortSignal.timeout(AWAY_MS) });
    // The server's own trouble is as good as none: the page that is kept opens.
    if (answer.status >= 500) return (await cache.match(kept, ANY)) ?? answer;
    if (answer.ok) {
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

async function fromCache(request) {
  const cache = await caches.open(CACHE);
  const known = await cache.match(request, ANY);
  if (known) return known;
  const answer = await fetch(request);
  if (answer.ok) await cache.put(request, answer.clone());
  return answer;
}

self.addEventListener("fetch", (event) => {
  const { request } = event;
  const url = new URL(request.url);
  if (request.method !== "GET" || url.origin !== location.origin || !url.pathname.startsWith(PAGE)) return;
  if (request.mode === "navigate") {
    // The guide's old single pages are files of their own.
    event.respondWith(fromNetwork(request, url.pathname.endsWith(".html") ? url.pathname : PAGE));
  } else if (NAMED.test(url.pathname)) {
    event.respondWith(fromCache(request));
  } else {
    event.respondWith(fromNetwork(request, url.pathname));
  }
});
