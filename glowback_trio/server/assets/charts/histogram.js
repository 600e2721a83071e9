// How often values fall into which range, as bars.
import { svg } from "../core/dom.js";
import { figure, steps } from "./figure.js";

/**
 * @typedef {object} Histogram
 * @property {string} label what it shows, for those who do not see it
 * @property {number[]} values
 * @property {(value: number) => string} format
 * @property {number} [bins] how many bars, about
 * @property {{value: number, label: string}[]} [marks] values to point out, such as a mean
 * @property {string} [unit] what is counted
 */

const HEIGHT = 210, BOTTOM = 22, LEFT = 34, RIGHT = 6, TOP = 30;

/** Show a histogram. @param {Histogram} options */
export function histogram(options) {
  return figure("histogram", options, (shown, width, stage, readout) => {
    const { edges, counts } = counted(shown.values, shown.bins ?? 40), { format, unit = "values", marks = [] } = shown;
    const levels = steps(0, counts.reduce((a, b) => Math.max(a, b), 1), 3).filter(Number.isInteger);
    const [low, high] = [edges[0], edges[edges.length - 1]], floor = HEIGHT - BOTTOM;
    const x = (/** @type {number} */ value) => LEFT + ((value - low) / (high - low)) * (width - LEFT - RIGHT);
    const y = (/** @type {number} */ count) => floor - (count / levels[levels.length - 1]) * (floor - TOP);
    const chart = svg("svg", { width, height: HEIGHT, role: "img", "aria-label": described(shown, edges, counts) });
    for (const level of levels) chart.append(
      svg("line", { class: "grid", x1: LEFT, x2: width - RIGHT, y1: y(level), y2: y(level) }),
      svg("text", { class: "row", x: LEFT - 6, y: y(level) }, String(level)));
    counts.forEach((count, i) => {
      const [from, to] = [x(edges[i]), x(edges[i + 1])], side = edges[i + 1] <= 0 ? "bad" : "good";
      const box = { x: from, y: y(count), width: Math.max(1, to - from - 1), height: floor - y(count) };
      const text = `${format(edges[i])} to ${format(edges[i + 1])}: ${count} ${unit}`;
      const bar = svg("rect", { class: `bar ${side}`, ...box }, svg("title", {}, text));
      bar.addEventListener("pointerenter", () => { readout.textContent = text; });
      chart.append(bar);
    });
    const every = Math.max(1, Math.ceil(edges.length / (width / 90)));
    edges.forEach((edge, i) => { if (i % every === 0 && x(edge) < width - 20) chart.append(
      svg("text", { class: "column", x: Math.max(x(edge), 20), y: HEIGHT - 6 }, format(edge))); });
    marks.forEach(({ value, label }, i) => {
      const at = x(Math.max(low, Math.min(high, value))), end = at > width / 2, line = 8 + (i % 2) * 14;
      chart.append(svg("line", { class: "mark", x1: at, x2: at, y1: line - 6, y2: floor }),
        svg("text", { class: end ? "before" : "after", x: at + (end ? -5 : 5), y: line }, label));
    });
    stage.replaceChildren(chart);
  });
}

/** Count values into bins with round edges; 0 is an edge if it is within. @param {number[]} values @param {number} bins */
export function counted(values, bins) {
  const known = values.filter(Number.isFinite);
  const [low, high] = known.reduce(([a, b], value) => [Math.min(a, value), Math.max(b, value)], [Infinity, -Infinity]);
  const edges = known.length ? steps(low, high, bins) : [0, 1], width = edges[1] - edges[0];
  const counts = new Array(edges.length - 1).fill(0);
  for (const value of known) counts[Math.min(counts.length - 1, Math.floor((value - edges[0]) / width + 1e-9))]++;
  return { edges, counts };
}

/** @param {Histogram} shown @param {number[]} edges @param {number[]} counts */
function described({ label, format, values, marks = [], unit = "values" }, edges, counts) {
  const peak = counts.indexOf(counts.reduce((a, b) => Math.max(a, b), 0)), pointed = marks.map((mark) => `, ${mark.label}`);
  return `${label}: ${values.length} ${unit} from ${format(edges[0])} to ${format(edges[edges.length - 1])}, `
    + `most of them between ${format(edges[peak])} and ${format(edges[peak + 1])}${pointed.join("")}`;
}
