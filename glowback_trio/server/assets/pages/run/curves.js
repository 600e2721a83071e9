// The main chart of a run: value and benchmark, drawdown, exposure.
import { colour } from "../../charts/colours.js";
import { curveChart, mostPoints } from "../../charts/curve.js";
import { number, percent } from "../../core/format.js";
import { BENCHMARK, EXPOSURE, FALL, VALUE, loadCurves, written } from "./rows.js";

const short = (/** @type {number} */ value) => {
  const size = Math.abs(value);
  if (size >= 1e9) return `${number(value / 1e9, 2)}B`;
  return size >= 1e6 ? `${number(value / 1e6, 2)}M` : number(value, size >= 1000 ? 0 : 2);
};

/**
 * Draw the chart of a run's account into an element.
 * @param {HTMLElement} parent
 * @param {{id: string, request: any, signal: AbortSignal}} of
 */
export async function accountChart(parent, { id, request, signal }) {
  const intraday = request.resolution !== "day", benchmark = request.benchmark_symbol;
  const value = [{ name: "equity", column: VALUE, kind: /** @type {const} */ ("area"), colour: () => colour("accent") }];
  const market = { name: benchmark, column: BENCHMARK, kind: /** @type {const} */ ("line"), colour: () => colour("warn") };
  const fall = { name: "drawdown", column: FALL, kind: /** @type {const} */ ("fall"), colour: () => colour("bad") };
  const held = { name: "exposure", column: EXPOSURE, kind: /** @type {const} */ ("fall"), colour: () => colour("good") };
  const pct = (/** @type {number} */ each) => percent(each, { digits: 1 });
  const panes = [
    { series: benchmark ? [...value, market] : value, share: 3, format: short },
    { series: [fall], share: 1.2, format: pct },
    { series: [held], share: 1, format: (/** @type {number} */ each) => percent(each, { digits: 0 }) },
  ];
  return curveChart(parent, {
    title: "Equity, drawdown, exposure",
    label: "The equity over time, below it the drawdown and the net exposure in percent; the table of metrics has the figures",
    panes, signal, intraday, watched: [VALUE, FALL],
    time: (at) => written(at, intraday),
    load: (from, to, until) => loadCurves(id, mostPoints(parent), until, { from, to }),
  });
}
