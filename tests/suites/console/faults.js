// Stands between a page and the server, before any of its scripts runs. What is wrong is `sessionStorage.fault`: `away` (no answer at all),
// `busy` (503), `slow` (an answer when it is over), `expired` (nobody is signed in any more). Time runs faster: what a page waits for lasts a tenth.
{
  const [send, later, often] = [window.fetch, window.setTimeout, window.setInterval];
  const HURRY = 10;
  // From here on it is no waiting, but what a line that is silent is known by: `SILENT_MS` of static/lib/feed.js, which must not be less.
  const PATIENCE = 40_000;
  const streams = new Set();
  const fault = () => sessionStorage.getItem("fault") ?? "";
  const wait = () => new Promise((done) => later(done, 20));
  const refusal = (status, title, detail) => new Response(JSON.stringify({ title, status, detail }), { status, headers: { "content-type": "application/problem+json" } });

  window.setTimeout = (run, ms = 0, ...rest) => later(run, ms < PATIENCE ? ms / HURRY : ms, ...rest);
  window.setInterval = (run, ms = 0, ...rest) => often(run, Math.max(100, ms / HURRY), ...rest);
  window.dropFeed = () => streams.forEach((one) => one.abort());

  window.fetch = async (address, options = {}) => {
    const { pathname } = new URL(address, location.href);
    if (!/^\/(api|v0|ready|health|metrics)\b/.test(pathname)) return send(address, options);
    while (fault() === "slow") {
      await wait();
      options.signal?.throwIfAborted();
    }
    if (fault() === "away") throw new TypeError("Failed to fetch");
    if (fault() === "busy") return refusal(503, "Service Unavailable", "The database is being moved.");
    if (fault() === "expired") return refusal(401, "Unauthorized", "Nobody is signed in.");
    if (pathname !== "/api/events") return send(address, options);
    const own = new AbortController();
    options.signal?.addEventListener("abort", () => own.abort());
    streams.add(own);
    return send(address, { ...options, signal: own.signal });
  };
}
