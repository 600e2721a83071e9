// The prices of a symbol of the run, with its fills and orders as marks.
import { candleChart, mostCandles } from "../../charts/candles.js";
import { get } from "../../core/api.js";
import { h } from "../../core/dom.js";
import { number } from "../../core/format.js";
import { sayError } from "../../core/notice.js";
import { section } from "./sections.js";
import { instant, seconds, written } from "./rows.js";

/** @typedef {import("../../charts/candles.js").Mark} Mark */

const write = (/** @type {number} */ price) => number(price, Math.abs(price) < 10 ? 4 : 2);

/** The chart of prices with the control that chooses the symbol. */
export class Prices {
  /** @param {{id: string, request: any, signal: AbortSignal}} of */
  constructor({ id, request, signal }) {
    this.id = id;
    this.request = request;
    this.signal = signal;
    this.symbol = request.symbols[0];
    /** @type {Map<string, Mark[]>} */
    this.fills = new Map();
    /** @type {Map<string, Mark[]>} */
    this.orders = new Map();
    this.withOrders = false;
    /** @type {Promise<any> | undefined} */
    this.opened = undefined;
    this.body = h("div", {});
    this.element = section("prices", "Prices", this.body);
    this.element.hidden = true; // until it is known that there are bars
    this.choice = h("select", { "aria-label": "Symbol" }, request.symbols.map((/** @type {string} */ each) => h("option", { value: each }, each)));
    this.choice.addEventListener("change", () => this.choose(this.choice.value), { signal });
    const box = h("input", { type: "checkbox" });
    box.addEventListener("change", () => { this.withOrders = box.checked; this.mark(); }, { signal });
    this.ordersToggle = h("label", { class: "toggle" }, box, " orders");
  }

  /** Draw the chart, unless it is drawn already. */
  open() {
    this.opened ??= this.draw().catch((error) => this.signal.aborted || sayError(error));
    return this.opened;
  }

  async draw() {
    this.element.hidden = false;
    const { request, signal } = this, intraday = request.resolution !== "day";
    const tools = request.symbols.length > 1 ? [this.choice, this.ordersToggle] : [this.ordersToggle];
    this.chart = await candleChart(this.body, {
      title: "Prices with fills", signal, intraday, tools, format: write, time: (at) => written(at, intraday),
      label: "Prices as candles; arrows up mark what was bought, arrows down what was sold; the table of trades lists them",
      load: (from, to, until) => this.load(until, { from: instant(from), to: instant(to) }),
    });
    await this.choose(this.symbol);
  }

  /** @param {string} symbol */
  async choose(symbol) {
    this.symbol = symbol;
    try {
      const whole = await this.load(this.signal, {});
      if (this.symbol === symbol) this.chart?.setWhole(whole);
    } catch (error) {
      sayError(error);
    }
    this.mark();
  }

  /** @param {AbortSignal} signal @param {Record<string, string>} window */
  async load(signal, window) {
    const query = new URLSearchParams({ symbol: this.symbol, max_points: String(mostCandles(this.body)), ...window });
    const { rows, per_row: perRow } = await get(`/backtests/${this.id}/bars?${query}`, { signal });
    const candles = rows.map((/** @type {[string, ...number[]]} */ [time, ...prices]) => [seconds(time), ...prices.slice(0, 4)]);
    return { rows: candles, isFull: perRow === 1 };
  }

  /** Add a fill; call `mark` when some are added. @param {any} fill */
  fill({ timestamp, symbol, action }) {
    push(this.fills, symbol, { time: seconds(timestamp), kind: action === "BUY" ? "buy" : "sell" });
  }

  /** Add an event of an order, unless it is a fill, which is marked by itself. @param {any} order */
  order({ event, timestamp, symbol, limit, stop }) {
    if (event === "filled") return;
    const refused = event === "rejected" || event === "cancelled", price = limit ?? stop ?? undefined;
    push(this.orders, symbol, { time: seconds(timestamp), kind: refused ? "refused" : "order", ...(price ? { price } : {}) });
  }

  /** Draw the marks of the symbol. */
  mark() {
    const fills = this.fills.get(this.symbol) ?? [], orders = this.withOrders ? (this.orders.get(this.symbol) ?? []) : [];
    this.chart?.setMarks([...fills, ...orders].sort((one, other) => one.time - other.time));
  }
}

/** @param {Map<string, Mark[]>} lists @param {string} symbol @param {Mark} mark */
function push(lists, symbol, mark) {
  const list = lists.get(symbol);
  if (list) list.push(mark);
  else lists.set(symbol, [mark]);
}
