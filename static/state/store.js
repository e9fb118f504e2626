// The console's state, and who is told when it changes: at most once a frame, however many events arrived in between.

/** Stands for every item of a collection. */
export const ALL = Symbol("all");

/** A store of named values. */
export function createStore(initial) {
  const state = { ...initial };
  const listeners = [];
  let changes = new Map();
  let scheduled = false;

  function schedule() {
    if (scheduled) return;
    scheduled = true;
    // A hidden tab gets no frames, but its title should still count alerts.
    if (document.hidden) setTimeout(flush, 250);
    else requestAnimationFrame(flush);
  }

  function flush() {
    scheduled = false;
    const flushed = changes;
    changes = new Map();
    for (const { keys, run } of listeners) {
      if (!keys.some((key) => flushed.has(key))) continue;
      try {
        run(state, flushed);
      } catch (error) {
        // One view that fails must not freeze the others.
        reportError(error);
      }
    }
  }

  return {
    state,

    /** Replaces values. */
    set(values) {
      Object.assign(state, values);
      for (const key of Object.keys(values)) this.touch(key);
    },

    /** Says that the value at `key`, or only its item `id`, has changed in place. */
    touch(key, id = ALL) {
      const ids = changes.get(key);
      if (id === ALL || ids === ALL) changes.set(key, ALL);
      else if (ids) ids.add(id);
      else changes.set(key, new Set([id]));
      schedule();
    },

    /** Runs `run(state, changes)` after any of `keys` has changed; `changes` maps each key to `ALL` or to a set of ids. */
    subscribe(keys, run) {
      const listener = { keys, run };
      listeners.push(listener);
      for (const key of keys) this.touch(key);
      return () => listeners.splice(listeners.indexOf(listener), 1);
    },
  };
}
