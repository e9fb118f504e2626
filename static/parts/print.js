// Printing: what is drawn only where it is seen is drawn whole for it.

import { signal } from "../lib/ui.js";

/** Whether the page is being printed. */
export const printing = signal(false);

addEventListener("beforeprint", () => {
  printing.value = true;
});
addEventListener("afterprint", () => {
  printing.value = false;
});

/** Prints the page, once it is drawn for it. */
export function printPage() {
  printing.value = true;
  requestAnimationFrame(() => requestAnimationFrame(() => print()));
}
