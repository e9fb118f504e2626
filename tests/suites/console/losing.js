// Stands between a page and the server, before any of its scripts runs. `sessionStorage.losing` says what becomes of requests of a method (or
// `*`) to addresses with a part: `lost`, done, but the answer never arrives; `504`, done, but a gateway says it has no answer; `away`, never
// sent; `429`, never sent, as a proxy refuses it; `hangs`, no answer as long as it is so.
{
  const send = window.fetch;
  const streams = new Set();
  window.dropFeed = () => streams.forEach((one) => one.abort());
  const losing = (options, pathname) => {
    const { method, part, how } = JSON.parse(sessionStorage.getItem("losing") ?? "{}");
    return how && (method === "*" || method === (options.method ?? "GET")) && pathname.includes(part) ? how : null;
  };
  const cut = () => new TypeError("Failed to fetch");

  window.fetch = async (address, options = {}) => {
    const { pathname } = new URL(address, location.href);
    if (!/^\/(api|v0)\b/.test(pathname)) return send(address, options);
    const how = losing(options, pathname);
    if (how === "away") throw cut();
    if (how === "429") return new Response("<h1>429 Too Many Requests</h1>", { status: 429 });
    while (losing(options, pathname) === "hangs") {
      await new Promise((done) => setTimeout(done, 50));
      options.signal?.throwIfAborted();
    }
    if (pathname === "/api/events") {
      const own = new AbortController();
      options.signal?.addEventListener("abort", () => own.abort());
      streams.add(own);
      return send(address, { ...options, signal: own.signal });
    }
    const answer = await send(address, options);
    if (how === "lost") throw cut();
    return how === "504" ? new Response("<h1>504 Gateway Time-out</h1>", { status: 504 }) : answer;
  };
}
