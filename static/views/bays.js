// A grid of bays as one stop of the keyboard.

/** One bay of a zone can be reached with Tab; the arrows go on from there. */
export function hold(grid, element) {
  if (!element) return;
  for (const other of grid.querySelectorAll('.bay[tabindex="0"]')) other.tabIndex = -1;
  element.tabIndex = 0;
}

/** Goes on to another bay: a `keydown` of the grid. */
export function move(event, grid) {
  const all = [...grid.children];
  const index = all.indexOf(document.activeElement);
  if (index < 0) return;
  const top = all[0].offsetTop;
  const perRow = Math.max(1, all.filter((element) => element.offsetTop === top).length);
  const steps = { ArrowRight: 1, ArrowLeft: -1, ArrowDown: perRow, ArrowUp: -perRow, Home: -index, End: all.length - 1 - index };
  if (!(event.key in steps)) return;
  event.preventDefault();
  const next = all[Math.min(all.length - 1, Math.max(0, index + steps[event.key]))];
  hold(grid, next);
  next.focus();
}
