// What somebody has chosen who is not signed in yet: it is there again when they come back from signing in.

import { useEffect, useState } from "../lib/ui.js";
import { user } from "./session.js";

const chosen = new Map();
let wasSignedIn = false;

// Nothing of one is there for the next.
user.subscribe((who) => {
  if (wasSignedIn && !who) chosen.clear();
  wasSignedIn = Boolean(who);
});

/**
 * As `useState`; what is chosen by nobody yet outlives the page, until somebody has signed in and is back on it. `name` also says what it is
 * chosen of.
 */
export function useChosen(name, initial) {
  const [value, setValue] = useState(() => (chosen.has(name) ? chosen.get(name) : initial));
  useEffect(() => {
    if (user.value) chosen.delete(name);
  }, []);
  const choose = (next) => {
    if (!user.value) chosen.set(name, next);
    setValue(next);
  };
  return [value, choose];
}
