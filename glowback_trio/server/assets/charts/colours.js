// The colours of charts: those of the page, resolved, because a canvas knows no CSS variables.

/** @typedef {"ink" | "quiet" | "ground" | "card" | "line" | "accent" | "good" | "bad" | "warn"} ColourName */

/** Colours that tell up to ten curves apart, by their lightness, too; one list per scheme. */
const CURVES = {
  light: ["#1f5fbf", "#c2410c", "#15803d", "#7e22ce", "#0e7490", "#a16207", "#be185d", "#475569", "#4d7c0f", "#991b1b"],
  dark: ["#7fb0ff", "#fb923c", "#4ade80", "#c084fc", "#22d3ee", "#facc15", "#f472b6", "#cbd5e1", "#a3e635", "#fca5a5"],
};

const dark = matchMedia("(prefers-color-scheme: dark)");

/**
 * Return a colour of the page as `rgb(…)`, with an opacity from 0 to 1.
 * @param {ColourName} name
 * @param {number} [opacity]
 */
export function colour(name, opacity = 1) {
  const probe = document.createElement("i");
  probe.style.color = `var(--${name})`;
  document.body.append(probe);
  const [red, green, blue] = getComputedStyle(probe).color.match(/[\d.]+/g) ?? ["127", "127", "127"];
  probe.remove();
  return `rgba(${red}, ${green}, ${blue}, ${opacity})`;
}

/**
 * Return the colour of the n-th of several curves.
 * @param {number} place
 */
export function curveColour(place) {
  const list = dark.matches ? CURVES.dark : CURVES.light;
  return list[place % list.length] ?? "#808080";
}

/**
 * Call back whenever the scheme changes between light and dark, until the signal is aborted.
 * @param {() => void} changed
 * @param {AbortSignal} signal
 */
export function onScheme(changed, signal) {
  dark.addEventListener("change", changed, { signal });
}
