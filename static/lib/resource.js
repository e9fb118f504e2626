// What panels show and how fresh it is: loading, fresh, stale (older than it should be, being asked for again) or failed. The header is live
// only when every panel is.

import { computed, signal, useEffect, useRef, useState } from "./ui.js";

const SLOWEST_MS = 30_000;
const LATER_MS = 300;
// An answer that takes longer than this is late: what is shown is older than it should be.
export const LATE_MS = 8000;

/** How fresh each panel on the screen is, by a number of its own. */
const panels = signal(new Map());
let numbers = 0;

/** The worst of all panels: `failed`, `stale`, `loading` or `fresh`. */
export const worst = computed(() => {
  const all = [...panels.value.values()];
  return ["failed", "stale", "loading"].find((state) => all.includes(state)) ?? "fresh";
});

/** Counts a panel in, as long as it is on the screen. */
export function useFreshness(status) {
  const id = useRef(0);
  useEffect(() => {
    numbers += 1;
    id.current = numbers;
    return () => {
      const rest = new Map(panels.value);
      rest.delete(id.current);
      panels.value = rest;
    };
  }, []);
  useEffect(() => {
    if (panels.value.get(id.current) !== status) panels.value = new Map(panels.value).set(id.current, status);
  }, [status]);
}

/** A pause before the next try, longer after each failure and never the same in two browsers. */
export function backoff(failures) {
  return Math.min(SLOWEST_MS, 500 * 2 ** failures) * (0.6 + Math.random() / 2.5);
}

const LOADING = { status: "loading", data: null, at: null, error: null, busy: false };

let events = null;
/** When the feed was lost, and until when it was known to be complete: `{ lostAt, at }`; null while it is there, or is nobody's. */
let gap = { value: null };

/** Says where events come from: `on(kinds, run)` gives back what ends it; and which signal has the gap that there is in them. */
export function setEvents(hub, lost) {
  events = hub;
  gap = lost;
}

/**
 * What `load()` gives: `{ status, data, at, error, reload, set }`. Asked for again each `every` milliseconds, after the events of `on`, when the
 * feed opens again, and after a failure that may pass. Other `deps` are another question. What is asked for again in vain for a while is stale;
 * so is what the feed keeps up to date (`fed`, or by `on`) while the feed is away, unless it was asked for since.
 */
export function useResource(load, deps = [], { every = 0, on = [], fed = on.length > 0 } = {}) {
  const [{ asked, ...state }, setState] = useState({ ...LOADING, asked: deps });
  const run = useRef(() => {});
  const latest = useRef(load);
  latest.current = load;

  useEffect(() => {
    let left = false;
    let timer = 0;
    let failures = 0;
    let running = 0;
    let turn = 0;
    let again = false;
    const later = (ms) => {
      clearTimeout(timer);
      timer = setTimeout(() => ask(), ms);
    };
    async function ask(anew = false) {
      if (running && !(anew && Date.now() - running > LATE_MS)) {
        again = true;
        return;
      }
      turn += 1;
      const mine = turn;
      running = Date.now();
      clearTimeout(timer);
      const late = setTimeout(() => !left && mine === turn && setState((before) => (before.data === null ? before : { ...before, status: "stale" })), LATE_MS);
      if (anew) setState((before) => ({ ...before, busy: true }));
      try {
        const data = await latest.current();
        if (left || mine !== turn) return;
        failures = 0;
        setState({ status: "fresh", data, at: Date.now(), error: null, busy: false, asked: deps });
        if (every) later(every);
      } catch (error) {
        if (left || mine !== turn) return;
        failures += 1;
        setState((before) => ({ ...before, status: before.data === null ? "failed" : "stale", error, busy: false }));
        if (error.isAway) later(Math.max(backoff(failures), (error.retryAfter || 0) * 1000));
        else if (every) later(every);
      } finally {
        clearTimeout(late);
        if (mine === turn) {
          running = 0;
          if (again && !left) {
            again = false;
            ask();
          }
        }
      }
    }
    // Somebody who asks again does not wait behind a line that leads nowhere.
    run.current = () => ask(true);
    setState((before) => (before.asked === deps ? before : { ...LOADING, asked: deps }));
    // Many events in a moment are one reason to ask.
    const end = events?.on([...on, "open"], () => later(LATER_MS));
    ask();
    return () => {
      left = true;
      clearTimeout(timer);
      end?.();
    };
  }, deps);

  // Effects run after the page is drawn: until then the answer is to the question before, and is not shown for this one.
  if (asked.some((one, index) => !Object.is(one, deps[index]))) return { ...LOADING, reload: () => run.current(), set: () => {} };
  const lost = fed && state.status === "fresh" && gap.value?.lostAt > state.at ? gap.value : null;
  return {
    ...state,
    ...(lost && { status: "stale", at: Math.max(state.at, lost.at ?? 0) }),
    reload: () => run.current(),
    /** What an answer has just told. */
    set: (data) => setState((before) => (before.asked === asked ? { ...before, data: typeof data === "function" ? data(before.data) : data } : before)),
  };
}
