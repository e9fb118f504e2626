// What must not be done twice: sent again after a lost answer, it is still one; and what is so already counts as done.

import { newNonce } from "../lib/nonce.js";
import { useRef } from "../lib/ui.js";
import { api } from "./session.js";

const LOOK_MS = 5000;
const NOTHING = { signature: "", body: null, key: "", isLost: false };
// What the server itself says of a wish. Anything else may be a proxy's word, which knows nothing of a try before.
const OF_THE_WISH = [409, 422];

/**
 * `post(path, wish, complete)` makes something under a key that stays the same for the same wish, until the server has said for certain what
 * became of it. `complete(wish)` makes the body of it, once for each key: another body under the same key would be refused.
 */
export function useOnce() {
  const asked = useRef(NOTHING);
  return async (path, wish, complete = (same) => same) => {
    const signature = path + JSON.stringify(wish);
    if (asked.current.signature !== signature) asked.current = { signature, body: complete(wish), key: newNonce(), isLost: false };
    const mine = asked.current;
    try {
      const made = await api.post(path, mine.body, { key: mine.key });
      asked.current = NOTHING;
      return made;
    } catch (error) {
      mine.isLost ||= Boolean(error.isUnknown);
      if (!mine.isLost || OF_THE_WISH.includes(error.status)) asked.current = NOTHING;
      throw error;
    }
  };
}

/**
 * Runs what cannot be done a second time, such as giving something back. After a lost answer, or a refusal, the server is asked at `path` how
 * it stands: where `isSo(document)`, it was done.
 */
export async function settle(run, path, isSo) {
  try {
    return await run();
  } catch (error) {
    const document = error.isUnknown || error.status === 409 ? await api.get(path, { within: LOOK_MS }).catch(() => null) : null;
    if (document && isSo(document)) return document;
    throw error;
  }
}

/**
 * The same for what has no name of its own, of which a second would be made, or which somebody else may have made: the server is asked only once
 * an answer was lost, and before it is asked for again.
 */
export function useSettled() {
  const isLost = useRef(false);
  return async (run, path, isSo) => {
    const found = async (options) => {
      const document = await api.get(path, options);
      if (!isSo(document)) return null;
      isLost.current = false;
      return document;
    };
    const before = isLost.current ? await found() : null;
    if (before) return before;
    try {
      const made = await run();
      isLost.current = false;
      return made;
    } catch (error) {
      if (!error.isUnknown) throw error;
      isLost.current = true;
      const after = await found({ within: LOOK_MS }).catch(() => null);
      if (after) return after;
      throw error;
    }
  };
}

/** Removes what is at `path`; what is not there is removed. */
export async function remove(path) {
  try {
    await api.delete(path);
  } catch (error) {
    if (error.status !== 404) throw error;
  }
}
