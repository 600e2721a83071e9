// The sections of the page of a run, and the cards with its headline.
import { h } from "../../core/dom.js";
import { money, number, percent } from "../../core/format.js";

/**
 * Build a section with a heading that links lead to.
 * @param {string} id
 * @param {string} title
 * @param {...import("../../core/dom.js").Children} children
 */
export function section(id, title, ...children) {
  return h("section", { class: "card", id, "aria-labelledby": `${id}-title` }, h("h2", { id: `${id}-title` }, title), ...children);
}

/**
 * Build a table of labels and values, or of several columns. Numbers go to the right.
 * @param {string[]} columns
 * @param {import("../../core/dom.js").Child[][]} rows
 * @param {{numbers?: number[], caption?: string}} [options] Places of the columns with numbers.
 */
export function plainTable(columns, rows, { numbers = [], caption } = {}) {
  const kind = (/** @type {number} */ place) => ({ class: numbers.includes(place) ? "number" : null });
  const head = h("tr", {}, columns.map((name, place) => h("th", { scope: "col", ...kind(place) }, name)));
  const body = rows.map((row) => h("tr", {}, row.map((cell, place) =>
    place === 0 ? h("th", { scope: "row", ...kind(place) }, cell) : h("td", kind(place), cell))));
  const table = h("table", { class: "plain" }, caption ? h("caption", {}, caption) : null, h("thead", {}, head), h("tbody", {}, body));
  return h("div", { class: "scrolls", tabindex: 0, role: "group", "aria-label": caption ?? columns.join(", ") }, table);
}

/** The most telling figures, large. */
export class Headline {
  constructor() {
    this.values = { value: h("dd", {}), total_return: h("dd", {}), max_drawdown: h("dd", {}), sharpe_ratio: h("dd", {}), total_trades: h("dd", {}) };
    const card = (/** @type {string} */ name, /** @type {HTMLElement} */ value) => h("div", { class: "run-figure" }, h("dt", {}, name), value);
    const { value, total_return, max_drawdown, sharpe_ratio, total_trades } = this.values;
    this.element = h("dl", { class: "run-figures" }, card("Return", total_return), card("Largest drawdown", max_drawdown),
      card("Sharpe ratio", sharpe_ratio), card("Trades", total_trades), card("Equity", value));
    this.deepest = 0;
    this.show({});
  }

  /**
   * Show what is known while the run goes on; the Sharpe ratio is not.
   * @param {number[]} row A row of the curve: time, value, benchmark, minus drawdown.
   * @param {number} capital
   * @param {number} fills
   */
  live(row, capital, fills) {
    const value = row[1] ?? NaN;
    this.show({ final_value: value, total_return: (value / capital - 1) * 100, max_drawdown: this.deepest, total_trades: fills });
  }

  /** @param {Record<string, number | null>} metrics */
  show({ final_value, total_return, max_drawdown, sharpe_ratio, total_trades }) {
    this.values.value.textContent = money(final_value);
    this.values.total_return.textContent = percent(total_return, { signed: true });
    this.values.total_return.className = (total_return ?? 0) < 0 ? "bad" : "good";
    this.values.max_drawdown.textContent = percent(max_drawdown);
    this.values.sharpe_ratio.textContent = number(sharpe_ratio, 2);
    this.values.total_trades.textContent = number(total_trades);
  }
}
