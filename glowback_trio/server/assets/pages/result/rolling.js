// Sharpe ratio, volatility and beta over a window that moves along the run.
import { colour } from "../../charts/colours.js";
import { curveChart } from "../../charts/curve.js";
import { get } from "../../core/api.js";
import { fill, h } from "../../core/dom.js";
import { number, percent } from "../../core/format.js";
import { seconds, written } from "../run/rows.js";
import { section } from "../run/sections.js";

/** @param {{id: string, request: any, signal: AbortSignal}} of */
export function rollingSection(of) {
  const body = h("div", {}, h("p", { class: "quiet" }, "Loading…"));
  const made = section("rolling", "Rolling statistics", body);
  draw(body, of).catch((error) => of.signal.aborted || fill(body, h("p", { class: "problem" }, error.message)));
  return made;
}

/** @param {HTMLElement} body @param {{id: string, request: any, signal: AbortSignal}} of */
async function draw(body, { id, request, signal }) {
  const { rolling_sharpe_ratio: sharpe, rolling_volatility: volatility, rolling_beta: beta, ...rest } =
    (await get(`/backtests/${id}/report.json`, { signal })).sections.rolling;
  if (!sharpe) return void fill(body, ...Object.values(rest).flat().map((sentence) => h("p", {}, sentence)));
  const intraday = request.resolution !== "day";
  const rows = sharpe.timestamp.map((/** @type {string} */ time, /** @type {number} */ place) => [seconds(time),
    sharpe.rolling_sharpe_ratio[place] ?? NaN, volatility?.rolling_volatility[place] ?? NaN, beta?.rolling_beta[place] ?? NaN]);
  const line = (/** @type {string} */ name, /** @type {number} */ column, /** @type {import("../../charts/colours.js").ColourName} */ paint) =>
    ({ name, column, colour: () => colour(paint) });
  const plain = (/** @type {number} */ value) => number(value, 2);
  fill(body, h("p", { class: "quiet" }, "Window: half a year, which ends at each point."));
  const chart = await curveChart(body, {
    title: beta ? "Sharpe ratio, volatility, beta" : "Sharpe ratio, volatility",
    label: "Figures over half a year that ends at each date", signal, intraday, time: (at) => written(at, intraday),
    panes: [
      { series: [line("Sharpe ratio", 1, "accent")], format: plain },
      { series: [line("volatility", 2, "warn")], format: (value) => percent(value, { digits: 1 }) },
      ...(beta ? [{ series: [line("beta", 3, "good")], format: plain }] : []),
    ],
  });
  chart.setWhole({ rows, isFull: true });
}
