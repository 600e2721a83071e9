// What the charts by hand share: a figure that follows its width, and round steps for scales.
import { h } from "../core/dom.js";

/**
 * Return a figure that draws itself again whenever its width or what it shows changes; a line below is read out.
 * @template Shown
 * @param {string} kind the class of the figure
 * @param {Shown} shown
 * @param {(shown: Shown, width: number, stage: HTMLElement, readout: HTMLElement) => void} draw
 * @returns {{element: HTMLElement, update: (change: Partial<Shown>) => void}}
 */
export function figure(kind, shown, draw) {
  const stage = h("div", { class: "stage" }), readout = h("output", { class: "readout" });
  let width = 0;
  const redraw = () => { if (width > 0) draw(shown, width, stage, readout); };
  new ResizeObserver(([{ contentRect }]) => {
    const now = Math.floor(contentRect.width);
    if (now !== width) { width = now; redraw(); }
  }).observe(stage);
  const update = (/** @type {Partial<Shown>} */ change) => { shown = { ...shown, ...change }; redraw(); };
  return { element: h("figure", { class: `chart ${kind}` }, stage, readout), update };
}

/**
 * Return round numbers that divide a range into about `count` steps, the first at or below it, the last at or above.
 * @param {number} low
 * @param {number} high
 * @param {number} count
 * @returns {number[]}
 */
export function steps(low, high, count) {
  const rough = (high - low || Math.abs(high) || 1) / Math.max(1, count), power = 10 ** Math.floor(Math.log10(rough));
  const step = power * ([1, 2, 5].find((factor) => factor * power >= rough * 0.999) ?? 10);
  const first = Math.floor(low / step + 1e-9), last = Math.max(first + 1, Math.ceil(high / step - 1e-9));
  return Array.from({ length: last - first + 1 }, (_, i) => Number(((first + i) * step).toPrecision(12)));
}
