// The colours of a scale.

// Viridis at 0, 10, … 100 %: even to the eye, told apart with every kind of colour blindness; as in the pictures of the heat map.
const STOPS = ["440154", "482475", "414487", "355f8d", "2a788e", "21918c", "22a884", "44bf70", "7ad151", "bddf26", "fde725"]
  .map((hex) => [0, 2, 4].map((at) => Number.parseInt(hex.slice(at, at + 2), 16)));

/** The colour of a part, 0 to 1, and that of the words on it: `[background, text]`. */
export function viridis(part) {
  const place = Math.min(1, Math.max(0, part)) * 10;
  const below = Math.min(9, Math.floor(place));
  const colour = STOPS[below].map((low, channel) => Math.round(low + (STOPS[below + 1][channel] - low) * (place - below)));
  const [red, green, blue] = colour.map((channel) => {
    const linear = channel / 255;
    return linear <= 0.04045 ? linear / 12.92 : ((linear + 0.055) / 1.055) ** 2.4;
  });
  const light = 0.2126 * red + 0.7152 * green + 0.0722 * blue > 0.179;
  return [`rgb(${colour.join(" ")})`, light ? "#000000" : "#ffffff"];
}
