// The bars of a dataset as candles; zooming fetches them bar by bar.
import { candleChart, mostCandles } from "../../charts/candles.js";
import { get } from "../../core/api.js";
import { h } from "../../core/dom.js";
import { number } from "../../core/format.js";
import { pathOf } from "./quality.js";

const write = (/** @type {number} */ price) => number(price, Math.abs(price) < 10 ? 4 : 2);
const instant = (/** @type {number} */ seconds) => new Date(seconds * 1000).toISOString();

/** @param {HTMLElement} parent @param {any} dataset @param {AbortSignal} signal */
export async function barsOf(parent, dataset, signal) {
  const { symbol, resolution } = dataset,
    intraday = resolution !== "day",
    says = h("p", { class: "quiet" });
  const time = (/** @type {number} */ seconds) =>
    intraday ? instant(seconds).slice(0, 19).replace("T", " ") : instant(seconds).slice(0, 10);
  /** @param {AbortSignal} until @param {Record<string, string>} window */
  async function load(until, window) {
    const query = new URLSearchParams({
      ...(resolution ? { resolution } : {}),
      max_points: String(mostCandles(parent)),
      ...window,
    });
    const { rows, bars, per_row: perRow } = await get(`${pathOf(symbol)}/bars?${query}`, { signal: until });
    says.textContent =
      perRow > 1
        ? `${number(bars)} bars, ${number(perRow)} in each candle. Zoom in to see them one by one.`
        : `${number(bars)} bars.`;
    return {
      rows: rows.map((/** @type {any[]} */ [at, ...prices]) => [Date.parse(at) / 1000, ...prices]),
      isFull: perRow <= 1,
    };
  }
  const chart = await candleChart(parent, {
    title: symbol,
    label: `Prices of ${symbol} as candles`,
    signal,
    intraday,
    time,
    format: write,
    load: (from, to, until) => load(until, { from: instant(from), to: instant(to) }),
  });
  parent.append(says);
  try {
    chart.setWhole(await load(signal, {}));
  } catch (error) {
    if (!signal.aborted) says.textContent = error instanceof Error ? error.message : String(error);
  }
}
