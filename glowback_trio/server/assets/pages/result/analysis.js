// The tear sheet of a result: calendar, returns, rolling figures, drawdowns, attribution, costs, benchmark.
import { heatMap } from "../../charts/heat_map.js";
import { histogram } from "../../charts/histogram.js";
import { h } from "../../core/dom.js";
import { date, money, number, percent } from "../../core/format.js";
import { rollingSection } from "./rolling.js";
import { plainTable, section } from "../run/sections.js";

const MONTHS = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
const pct = (/** @type {number | null} */ value) => percent(value);

/**
 * Build the sections of the analysis that this result has.
 * @param {{id: string, request: any, signal: AbortSignal}} of
 * @param {any} result
 * @param {any} curves The whole curves; null where they are too long to be here.
 * @returns {HTMLElement[]}
 */
export function analysis(of, { tearsheet }, curves) {
  return [
    section("calendar", "Monthly returns", calendar(tearsheet)),
    section("returns", "Distribution of returns", distribution(tearsheet, curves)),
    rollingSection(of),
    section("drawdowns", "Worst drawdowns", drawdowns(tearsheet.drawdowns)),
    section("attribution", "Attribution and costs", attribution(tearsheet)),
  ];
}

/** @param {any} sheet */
function calendar({ monthly_returns: months, yearly_returns: years }) {
  const names = years.map((/** @type {any} */ row) => row.period).reverse();
  const found = new Map([...months, ...years].map((/** @type {any} */ row) => [row.period, row.return_pct]));
  const values = names.map((/** @type {string} */ year) =>
    [...MONTHS.map((_, month) => found.get(`${year}-${String(month + 1).padStart(2, "0")}`) ?? null), found.get(year) ?? null]);
  const chart = heatMap({ label: "Returns by month and year, in percent", rows: names, columns: [...MONTHS, "Year"], values,
    format: (value) => number(value, 1), rowTitle: "Year", columnTitle: "Month", diverging: true });
  return chart.element;
}

/** @param {any} sheet @param {any} curves */
function distribution({ monthly_returns: months }, curves) {
  const bars = curves?.equity_curve.slice(1).map((/** @type {any} */ row) => row.daily_return) ?? null;
  const values = (bars ?? months.map((/** @type {any} */ row) => row.return_pct)).filter((/** @type {any} */ value) => value !== null);
  const sorted = [...values].sort((one, other) => one - other), middle = sorted[Math.floor(sorted.length / 2)];
  const what = bars ? "bars" : "months, since there are too many bars to show each";
  const chart = histogram({ label: "How often each return occurred", values, format: (value) => percent(value, { digits: 1 }),
    marks: middle === undefined ? [] : [{ value: middle, label: "median" }], unit: bars ? "bars" : "months" });
  return h("div", {}, h("p", { class: "quiet" }, `Returns of ${number(values.length)} ${what}; the worst is ${percent(sorted[0])}, the best ${percent(sorted.at(-1))}.`), chart.element);
}

/** @param {any[]} falls */
function drawdowns(falls) {
  if (falls.length === 0) return h("p", {}, "The value has never been below an earlier one.");
  return plainTable(["Peak", "Depth", "Lowest", "Recovered", "Days"],
    falls.map((fall) => [date(fall.peak), percent(-fall.depth_pct), date(fall.trough), fall.recovery ? date(fall.recovery) : "not yet", number(fall.days)]),
    { numbers: [1, 4], caption: "The deepest falls from a peak, deepest first" });
}

/** @param {any} sheet */
function attribution({ attribution: shares, costs, exposure }) {
  const rows = shares.map((/** @type {any} */ row) => [row.component, money(row.total_pnl), pct(row.contribution_pct), money(row.realized_pnl),
    money(row.unrealized_pnl), money((row.commissions ?? 0) + (row.slippage_cost ?? 0))]);
  return h("div", {},
    plainTable(["Symbol", "Profit", "Of the capital", "Realised", "Open", "Costs"], rows,
      { numbers: [1, 2, 3, 4, 5], caption: "Where the profit came from" }),
    plainTable(["Costs and exposure", "Value"], [
      ["Commissions", money(costs.total_commissions)], ["Slippage", money(costs.total_slippage_cost)],
      ["Financing", money(0 - costs.total_carry)], ["All costs, of the capital", pct(costs.cost_drag_pct_initial)],
      ["Bought and sold, times the capital", number(costs.turnover_multiple, 1)],
      ["Gross exposure, mean", pct(exposure.average_gross_pct)], ["Gross exposure, largest", pct(exposure.largest_gross_pct)],
      ["Net exposure, lowest to highest", `${pct(exposure.smallest_net_pct)} to ${pct(exposure.largest_net_pct)}`],
    ], { numbers: [1], caption: "What trading cost, and how much was at stake" }));
}
