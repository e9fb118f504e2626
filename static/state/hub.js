// What is told to open pages.

/** `on(kinds, run)` gives back what ends it; `emit(kind, data)` tells. `open` stands for a feed that (again) is complete from now on. */
export function createHub() {
  const listeners = new Set();
  return {
    on(kinds, run) {
      const listener = { kinds, run };
      listeners.add(listener);
      return () => listeners.delete(listener);
    },

    emit(kind, data) {
      for (const { kinds, run } of [...listeners]) {
        if (!kinds.includes(kind)) continue;
        try {
          run(data, kind);
        } catch (error) {
          reportError(error);
        }
      }
    },
  };
}
