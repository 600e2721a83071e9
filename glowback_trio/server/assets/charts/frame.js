// What stands around a chart: its title, the values under the pointer, and buttons to zoom.

import { h } from "../core/dom.js";
import { zoom } from "./window.js";

/**
 * Build the figure of a chart. The canvas is an image for those who cannot see it, named by `label`.
 * @param {string} title
 * @param {string} label
 * @param {...Node} tools Controls beside the zoom buttons.
 */
export function chartFrame(title, label, ...tools) {
  const canvas = h("div", { class: "chart-canvas", role: "img", "aria-label": label });
  const readout = h("output", { class: "chart-readout", "aria-live": "off" });
  const bar = h("div", { class: "chart-tools", role: "group", "aria-label": `${title}: zoom` });
  const caption = h("figcaption", { class: "chart-head" }, h("strong", {}, title), readout, ...tools, bar);
  return { figure: h("figure", { class: "curve" }, caption, canvas), canvas, readout, bar };
}

/**
 * Put buttons into the bar, and let the wheel with Ctrl zoom.
 * @param {any} chart
 * @param {HTMLElement} bar
 * @param {HTMLElement} canvas
 * @param {AbortSignal} signal
 * @param {() => void} [all] Shows all; the chart's own way if it is left out.
 */
export function addZoom(chart, bar, canvas, signal, all = () => chart.timeScale().fitContent()) {
  const button = (/** @type {string} */ text, /** @type {string} */ name, /** @type {() => void} */ act) => {
    const made = h("button", { type: "button", class: "button small", "aria-label": name, title: name }, text);
    made.addEventListener("click", act, { signal });
    return made;
  };
  bar.append(
    button("‹", "Earlier", () => zoom(chart, 1, -0.5)),
    button("−", "Zoom out", () => zoom(chart, 2)),
    button("+", "Zoom in", () => zoom(chart, 0.5)),
    button("›", "Later", () => zoom(chart, 1, 0.5)),
    button("All", "Show all", all),
  );
  const wheel = (/** @type {WheelEvent} */ event) => {
    if (!event.ctrlKey) return;
    event.preventDefault();
    zoom(chart, event.deltaY > 0 ? 1.25 : 0.8);
  };
  canvas.addEventListener("wheel", wheel, { signal, passive: false });
}
