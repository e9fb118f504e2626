// What somebody has chosen who is not signed in yet: it is there again when they come back from signing in, and for nobody else.

import { address, route } from "../lib/router.js";
import { useEffect, useState } from "../lib/ui.js";
import { user } from "./session.js";

// Who goes to sign in is back by then. Later it is somebody else, at a machine that many use.
const KEEP_MS = 10 * 60_000;

const chosen = new Map();
let place = "";
let chosenAt = 0;
let wasSignedIn = false;

const placeOf = ({ kind, site, page, detail }) => (kind === "account" ? "" : address(site, page, detail));

function forget() {
  chosen.clear();
  place = "";
}

/** The page that something was chosen on by nobody yet; empty where there is none. */
export function placeOfChoice() {
  if (Date.now() - chosenAt > KEEP_MS) forget();
  return place;
}

// Nothing of one is there for the next.
user.subscribe((who) => {
  if (wasSignedIn && !who) forget();
  wasSignedIn = Boolean(who);
});

// It is kept on the way to an account and back only.
route.subscribe((next) => {
  const isOnTheWay = next.kind === "account" && !user.value;
  if (!isOnTheWay && placeOf(next) !== place) forget();
});

/**
 * As `useState`; what is chosen by nobody yet outlives the page, until somebody has signed in and is back on it. `name` also says what it is
 * chosen of.
 */
export function useChosen(name, initial) {
  const [value, setValue] = useState(() => (placeOfChoice() && chosen.has(name) ? chosen.get(name) : initial));
  useEffect(() => {
    if (user.value) chosen.delete(name);
  }, []);
  const choose = (next) => {
    if (!user.value) {
      chosen.set(name, next);
      place = placeOf(route.value);
      chosenAt = Date.now();
    }
    setValue(next);
  };
  return [value, choose];
}
