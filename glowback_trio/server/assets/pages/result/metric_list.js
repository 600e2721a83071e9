// The metrics of a result: what each is called, how it is written, what it means, and which way is better.
import { money, number, percent } from "../../core/format.js";

/**
 * @typedef {object} Metric
 * @property {string} key Its name in `metrics_summary`.
 * @property {string} name
 * @property {(value: number | null | undefined) => string} write
 * @property {string} says
 * @property {1 | -1 | 0} better 1: higher is better; -1: lower; 0: neither.
 */

const pct = (/** @type {number | null | undefined} */ value) => percent(value);
const fraction = (/** @type {number | null | undefined} */ value) => percent(value == null ? value : value * 100);
const ratio = (/** @type {number | null | undefined} */ value) => number(value, 2);
const count = (/** @type {number | null | undefined} */ value) => number(value, 0);
const days = (/** @type {number | null | undefined} */ value) => (value == null ? number(value) : `${number(value)} days`);

/**
 * @param {string} key @param {string} name @param {Metric["write"]} write @param {1 | -1 | 0} better @param {string} says
 * @returns {Metric}
 */
const metric = (key, name, write, better, says) => ({ key, name, write, better, says });

/** @type {[string, Metric[]][]} */
export const METRIC_GROUPS = [
  ["Return", [
    metric("total_return", "Total return", pct, 1, "The last value over the capital, less one."),
    metric("annualized_return", "Annualised return", pct, 1, "The return per year of trading, compounded by bars."),
    metric("cagr", "Growth per year", pct, 1, "The return per calendar year, compounded."),
    metric("initial_capital", "Capital", money, 0, "Cash at the first bar."),
    metric("final_value", "Final value", money, 1, "Cash and positions at the last bar."),
  ]],
  ["Risk", [
    metric("volatility", "Volatility", pct, -1, "The standard deviation of the returns, per year."),
    metric("max_drawdown", "Largest drawdown", pct, -1, "The largest fall from a peak."),
    metric("max_drawdown_duration_days", "Longest drawdown", days, -1, "The longest time from a peak to the recovery, or to the end."),
    metric("var_95", "Value at risk, 95 %", fraction, -1, "In one bar of twenty, the loss is larger than this."),
    metric("cvar_95", "Expected shortfall, 95 %", fraction, -1, "The mean loss of the worst bars, one of twenty."),
    metric("skewness", "Skewness", ratio, 1, "Below zero: large losses are more frequent than large gains."),
    metric("kurtosis", "Excess kurtosis", ratio, -1, "Above zero: extremes are more frequent than in a normal distribution."),
  ]],
  ["Return for risk", [
    metric("sharpe_ratio", "Sharpe ratio", ratio, 1, "Mean return above the risk-free rate over its standard deviation, per year."),
    metric("sortino_ratio", "Sortino ratio", ratio, 1, "As the Sharpe ratio, but only losses count as risk."),
    metric("calmar_ratio", "Calmar ratio", ratio, 1, "Annualised return over the largest drawdown."),
    metric("sqn", "System quality number", ratio, 1, "Mean profit of the round trips over its standard deviation, times the root of their number."),
    metric("kelly", "Kelly fraction", fraction, 0, "The share of capital that would have grown fastest; more than half of it is reckless."),
  ]],
  ["Trading", [
    metric("total_trades", "Trades", count, 0, "Orders executed, or parts of them."),
    metric("round_trips", "Round trips", count, 0, "Positions opened and closed again."),
    metric("win_rate", "Won", fraction, 1, "Round trips with a profit."),
    metric("profit_factor", "Profit factor", ratio, 1, "All profits over all losses of the round trips; none without a loss."),
    metric("average_win", "Average win", money, 1, "Mean profit of a round trip that won."),
    metric("average_loss", "Average loss", money, 1, "Mean loss of a round trip that lost."),
    metric("largest_win", "Largest win", money, 0, "Of one round trip."),
    metric("largest_loss", "Largest loss", money, 1, "Of one round trip."),
    metric("exposure_time", "Time in the market", fraction, 0, "Bars that end with a position."),
    metric("turnover", "Turnover", ratio, 0, "What was bought and sold over the mean value."),
  ]],
  ["Costs", [
    metric("total_commissions", "Commissions", money, -1, "Paid to the broker."),
    metric("total_slippage_cost", "Slippage", money, -1, "Lost to worse prices than those before slippage."),
    metric("total_financing_cost", "Financing", money, -1, "Paid for borrowed shares and borrowed money."),
  ]],
  ["Against the benchmark", [
    metric("benchmark_return", "Return of the benchmark", pct, 0, "Bought at its first close, and held."),
    metric("excess_return", "Excess return", pct, 1, "Annualised return less that of the benchmark."),
    metric("alpha", "Alpha", pct, 1, "Return per year that the moves of the benchmark do not explain."),
    metric("beta", "Beta", ratio, 0, "How far it moves when the benchmark moves by one."),
    metric("tracking_error", "Tracking error", pct, 0, "The standard deviation of the difference in returns, per year."),
    metric("information_ratio", "Information ratio", ratio, 1, "The mean difference in returns over its standard deviation, per year."),
  ]],
  ["Data", [
    metric("periods_per_year", "Bars per year", ratio, 0, "By which the others are annualised."),
    metric("data_quality_warning_count", "Warnings on the data", count, -1, "Findings that may matter; the manifest has them."),
    metric("data_quality_critical_count", "Critical findings", count, -1, "Findings in the data that do matter."),
  ]],
];

export const METRICS = METRIC_GROUPS.flatMap(([, metrics]) => metrics);
