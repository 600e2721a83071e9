// Requests to begin with, made of what the server has.
import { h } from "../../core/dom.js";
import { common } from "./symbols.js";

/** @typedef {{title: string, make: (range: any) => any}} Preset */

const CUSTOM = { commission_bps: 1, slippage_bps: 2 };

/** @type {Preset[]} */
const PRESETS = [
  { title: "Buy and hold", make: (range) => ({ ...range, strategy: { name: "buy_and_hold" } }) },
  {
    title: "Two moving averages",
    make: (range) => ({
      ...range,
      warmup_bars: 100,
      strategy: { name: "ma_crossover", params: { short_period: 20, long_period: 100, direction: "long_only" } },
      execution: CUSTOM,
    }),
  },
  { title: "RSI with costs", make: (range) => ({ ...range, strategy: { name: "rsi" }, execution: CUSTOM }) },
  {
    title: "Portfolio of equal weights",
    make: (range) => ({
      ...range,
      symbols: range.all,
      portfolio_construction: {
        rebalance_frequency: "monthly",
        target_weights: Object.fromEntries(
          range.all.map((/** @type {string} */ symbol) => [symbol, Math.floor(1000 / range.all.length) / 1000]),
        ),
      },
      execution: CUSTOM,
    }),
  },
  {
    title: "Slowly, to watch",
    make: (range) => ({
      ...range,
      strategy: { name: "ma_crossover" },
      stream: { metrics_every: 1, orders: true, pace_bars_per_s: 50 },
    }),
  },
];

/** Return the request that a form begins with. @param {any[]} datasets @param {string | null} [symbol] */
export function firstRequest(datasets, symbol) {
  return without(PRESETS[0].make(rangeOf(datasets, symbol)));
}

/** Return buttons that put a request into a draft. @param {import("./draft.js").Draft} draft @param {any[]} datasets */
export function presets(draft, datasets) {
  const use = (/** @type {Preset} */ { make }) => draft.replace(without(make(rangeOf(datasets))));
  return h(
    "div",
    { class: "links presets", role: "group", "aria-label": "Presets" },
    h("span", { class: "quiet" }, "Begin with"),
    PRESETS.map((preset) =>
      h("button", { type: "button", class: "button small", onclick: () => use(preset) }, preset.title),
    ),
  );
}

/** @param {any[]} datasets @param {string | null} [wanted] */
function rangeOf(datasets, wanted) {
  const known = datasets.filter(
    ({ symbol, resolution, first_bar }) => symbol !== "*" && resolution === "day" && first_bar,
  );
  const all = known.map(({ symbol }) => symbol).slice(0, 5),
    symbol = wanted ?? (all.includes("SPY") ? "SPY" : (all[0] ?? "SPY"));
  const [start_date, end_date] = common(datasets, [symbol], "day") ?? ["2020-01-01", "2023-12-31"];
  return { symbols: [symbol], start_date, end_date, all: all.length ? all : ["SPY", "AAPL"] };
}

/** @param {any} request */
const without = ({ all, ...request }) => request;
