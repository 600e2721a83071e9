// The curves of several runs on one scale: 100 is what each began with.
import { curveColour } from "../../charts/colours.js";
import { curveChart, mostPoints } from "../../charts/curve.js";
import { h } from "../../core/dom.js";
import { number, percent } from "../../core/format.js";
import { FALL, VALUE, loadCurves, written } from "../run/rows.js";

/**
 * @param {HTMLElement} parent
 * @param {import("../compare.js").Compared[]} runs
 * @param {AbortSignal} signal
 */
export async function compareCurves(parent, runs, signal) {
  const intraday = runs.some(({ request }) => request.resolution !== "day");
  const each = () => Math.max(12, Math.floor(mostPoints(parent) / runs.length));
  const load = (/** @type {number} */ from, /** @type {number} */ to, /** @type {AbortSignal} */ until) => loadAll(runs, each(), until, { from, to });
  const series = (/** @type {number} */ first, /** @type {"line"} */ kind) => runs.map((run, place) =>
    ({ name: run.name, column: first + place, kind, colour: () => curveColour(place) }));
  const chart = await curveChart(parent, {
    title: "Equity, 100 at the start, and drawdown", signal, intraday, load, time: (at) => written(at, intraday),
    label: "The equity of each run over time, beginning at 100, and below it the drawdowns; the table of metrics has the figures",
    panes: [
      { series: series(1, "line"), share: 3, format: (value) => number(value, 1) },
      { series: series(1 + runs.length, "line"), share: 1, format: (value) => percent(value, { digits: 1 }) },
    ],
  });
  const box = h("input", { type: "checkbox" });
  box.addEventListener("change", () => chart.setLogarithmic(box.checked), { signal });
  parent.append(h("label", { class: "toggle" }, box, " logarithmic scale"));
  chart.setWhole(await loadAll(runs, each(), signal));
}

/**
 * Load the curves of all runs as rows of one chart: first the values, then the drawdowns.
 * @param {import("../compare.js").Compared[]} runs @param {number} most @param {AbortSignal} signal
 * @param {{from: number, to: number}} [window]
 */
async function loadAll(runs, most, signal, window) {
  const loaded = await Promise.all(runs.map(({ id }) => loadCurves(id, most, signal, window)));
  /** @type {Map<number, number[]>} */
  const found = new Map();
  loaded.forEach(({ rows }, place) => {
    const { initial_capital: capital } = /** @type {{request: any}} */ (runs[place]).request;
    for (const row of rows) {
      const time = row[0] ?? 0, merged = found.get(time) ?? [time, ...Array(2 * runs.length).fill(NaN)];
      merged[1 + place] = (100 * (row[VALUE] ?? NaN)) / capital;
      merged[1 + runs.length + place] = row[FALL] ?? NaN;
      found.set(time, merged);
    }
  });
  const rows = [...found.values()].sort(([one = 0], [other = 0]) => one - other);
  return { rows, isFull: loaded.every(({ isFull }) => isFull) };
}
