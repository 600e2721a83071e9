// The fills of a run in a table that draws only what is seen.
import { table } from "../../core/table.js";
import { h } from "../../core/dom.js";
import { money, number } from "../../core/format.js";

export const FILL_COLUMNS = [
  { name: "Time", text: (/** @type {any} */ fill) => fill.timestamp.slice(0, 16).replace("T", " ").replace(" 00:00", "") },
  { name: "Symbol", text: (/** @type {any} */ fill) => fill.symbol },
  { name: "Side", text: (/** @type {any} */ fill) => fill.action },
  { name: "Quantity", text: (/** @type {any} */ fill) => number(fill.shares, 2), isNumber: true },
  { name: "Price", text: (/** @type {any} */ fill) => number(fill.price, 4), isNumber: true },
  { name: "Costs", text: (/** @type {any} */ fill) => money(fill.commission + fill.slippage_cost), isNumber: true },
  { name: "Profit", text: (/** @type {any} */ fill) => money(fill.pnl), isNumber: true },
];

/** The table of the fills, which grows while the run goes on. */
export class FillTable {
  /** @param {AbortSignal} signal */
  constructor(signal) {
    /** @type {any[]} */
    this.rows = [];
    this.note = h("p", { class: "quiet" }, "No trades yet.");
    this.table = table({ label: "Trades", columns: FILL_COLUMNS, signal, kind: "run-fills" });
    this.table.element.hidden = true;
    this.element = h("div", {}, this.note, this.table.element);
    this.shown = 0;
  }

  get count() {
    return this.rows.length;
  }

  /** @param {any} fill */
  add(fill) {
    this.rows.push(fill);
  }

  /** @param {any[]} fills */
  replace(fills) {
    this.rows = fills;
    this.shown = -1;
    this.show();
  }

  show() {
    if (this.shown === this.rows.length) return;
    this.shown = this.rows.length;
    this.table.element.hidden = this.shown === 0;
    this.note.textContent = this.shown === 0 ? "No trades." : `${number(this.shown)} ${this.shown === 1 ? "trade (fill)" : "trades (fills), oldest first"}.`;
    this.table.setRows(this.rows);
  }

  /** @param {number} count */
  tooMany(count) {
    this.note.textContent = `${number(count)} trades are too many for this table; download them below.`;
  }
}
