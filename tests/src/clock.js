// Shifts the page's clock: both `Date.now()` and `new Date()`.
(() => {
  const ahead = AHEAD_MS;
  globalThis.Date = new Proxy(Date, {
    construct: (of, values) => (values.length ? new of(...values) : new of(of.now() + ahead)),
    apply: (of) => new of(of.now() + ahead).toString(),
    get: (of, name) => (name === "now" ? () => of.now() + ahead : Reflect.get(of, name)),
  });
})();
