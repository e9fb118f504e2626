// Routes drawn to scale from their points: where they lie in the drawing, and where a stop's name is in nobody's way.

// On a phone the drawing has fewer units, so that its words are as large.
export const WIDE = { width: 1000, height: 600, edges: [180, 60], letter: 10.6 };
export const NARROW = { width: 540, height: 520, edges: [55, 45], letter: 10.6 };
const LINE = 24;
const GAP = 17;
// Points of routes and stops that words may lie on.
const MOST_IN_THE_WAY = 6;

/** From [latitude, longitude] to the drawing, north up, as large as fits; and the frame, which is no higher than that needs. */
export function projection(points, frame) {
  const { width, edges: [aside, above] } = frame;
  const lats = points.map(([lat]) => lat);
  const lngs = points.map(([, lng]) => lng);
  const [south, north, west, east] = [Math.min(...lats), Math.max(...lats), Math.min(...lngs), Math.max(...lngs)];
  const narrow = Math.cos((((south + north) / 2) * Math.PI) / 180);
  const [across, up] = [Math.max((east - west) * narrow, 1e-6), Math.max(north - south, 1e-6)];
  const scale = Math.min((width - 2 * aside) / across, (frame.height - 2 * above) / up);
  const height = Math.min(frame.height, Math.max(200, up * scale + 2 * above));
  const [left, top] = [(width - across * scale) / 2, (height - up * scale) / 2];
  return [([lat, lng]) => [left + (lng - west) * narrow * scale, top + (north - lat) * scale], { ...frame, height }];
}

/** Points along a way, close enough to tell what words would lie on it. */
export function beads(way) {
  return way.slice(1).flatMap(([x, y], index) => {
    const [fromX, fromY] = way[index];
    const steps = Math.max(1, Math.ceil(Math.hypot(x - fromX, y - fromY) / 8));
    return Array.from({ length: steps }, (_, step) => [fromX + ((x - fromX) * step) / steps, fromY + ((y - fromY) * step) / steps]);
  });
}

/** Where a stop's name is in nobody's way; null where there is no such place. */
export function label({ stop, at: [x, y] }, crowded, taken, { width, height, letter }) {
  const wide = stop.name.length * letter;
  const sides = [];
  for (const dy of [0, -1, 1]) {
    const middle = y + dy * (dy ? GAP + 3 : 0);
    for (const [anchor, left] of [["start", x + GAP], ["end", x - GAP - wide], ["middle", x - wide / 2]]) {
      if (anchor === "middle" && dy === 0) continue;
      const shift = anchor !== "middle" && dy !== 0 ? (anchor === "start" ? -GAP : GAP) : 0;
      sides.push({ anchor, x: (anchor === "start" ? x + GAP : anchor === "end" ? x - GAP : x) + shift, y: middle, box: [left + shift, middle - LINE / 2, wide, LINE] });
    }
  }
  const within = ([left, top, w, h], [px, py]) => px > left - 4 && px < left + w + 4 && py > top - 1 && py < top + h + 1;
  const meet = ([l, t, w, h], [left, top, w2, h2]) => left < l + w && l < left + w2 && top < t + h && t < top + h2;
  const fits = ({ box: [left, top, w, h] }) => left > 2 && left + w < width - 2 && top > 2 && top + h < height - 2;
  const cost = ({ box }) => crowded.filter((point) => within(box, point)).length;
  const best = sides
    .filter((side) => fits(side) && !taken.some((other) => meet(other, side.box)))
    .map((side) => ({ ...side, cost: cost(side) }))
    .filter((side) => side.cost <= MOST_IN_THE_WAY)
    .sort((a, b) => a.cost - b.cost)[0];
  if (best) taken.push(best.box);
  return best ?? null;
}
