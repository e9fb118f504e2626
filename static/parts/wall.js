// A page on a wall: without navigation, on a screen that stays awake. Escape leaves, and so does a button that shows while the pointer moves.

import { t } from "../lib/i18n.js";
import { setQuery } from "../lib/router.js";
import { Icon, html, useEffect, useState } from "../lib/ui.js";

const SHOWN_MS = 3000;

const leaveWall = () => setQuery({ wall: "" });

/** What a wall has in place of navigation. */
export function WallScreen() {
  const [touched, setTouched] = useState(false);
  useEffect(() => {
    let lock = null;
    let timer = 0;
    let left = false;
    // The browser takes it back whenever the page is hidden.
    const stayAwake = async () => {
      if (document.visibilityState !== "visible" || !("wakeLock" in navigator)) return;
      try {
        lock = await navigator.wakeLock.request("screen");
        if (left) lock.release();
      } catch {
        // Without it the screen does what its own settings say.
      }
    };
    const move = () => {
      setTouched(true);
      clearTimeout(timer);
      timer = setTimeout(() => setTouched(false), SHOWN_MS);
    };
    const press = (event) => {
      if (event.key === "Escape" && !event.defaultPrevented && !document.querySelector("dialog[open]")) leaveWall();
    };
    stayAwake();
    document.addEventListener("visibilitychange", stayAwake);
    addEventListener("pointermove", move);
    addEventListener("keydown", press);
    return () => {
      left = true;
      clearTimeout(timer);
      lock?.release().catch(() => {});
      document.removeEventListener("visibilitychange", stayAwake);
      removeEventListener("pointermove", move);
      removeEventListener("keydown", press);
    };
  }, []);
  return html`<button type="button" class="button wall-leave" data-shown=${touched ? "" : undefined} onClick=${leaveWall}><${Icon} name="close" /> ${t("Leave the wall")} <kbd aria-hidden="true">Esc</kbd></button>`;
}
