// All that a backtest may hold, in groups; what no group names comes last, so that nothing is missing.
import { h } from "../../core/dom.js";
import { field } from "./field.js";
import { strategyFields } from "./strategy.js";
import { symbolsField } from "./symbols.js";

/** @typedef {import("./field.js").Form} Form */
/** @typedef {import("./schema.js").Path} Path */
/** @typedef {{schemas: Record<string, import("./schema.js").Schema>, datasets: any[], strategies: any[]}} Choices */

const FIRST = ["start_date", "end_date", "resolution", "initial_capital"];
const ANALYSIS = ["benchmark_symbol", "risk_free_rate", "periods_per_year", "warmup_bars"];
const LABELS = ["name", "tags", "note"];
const APART = ["symbols", "strategy", "portfolio_construction", "execution", "stream", ...LABELS];

/**
 * Return the sections of a form for the backtest at a path.
 * @param {Form} form @param {Path} path @param {Choices} choices @param {{labels?: boolean, stream?: boolean}} [parts]
 */
export function backtestSections(form, path, { schemas, datasets, strategies }, { labels = true, stream = true } = {}) {
  const { properties } = schemas.BacktestRequest,
    placed = new Set([...FIRST, ...ANALYSIS, ...APART]);
  const rest = Object.keys(properties).filter((name) => !placed.has(name));
  const some = (/** @type {string[]} */ names) =>
    h(
      "div",
      { class: "f-grid" },
      names.map((name) => field(form, [...path, name], properties[name])),
    );
  const all = (/** @type {string} */ name, /** @type {string} */ schema) =>
    h(
      "div",
      { class: "f-grid" },
      Object.entries(schemas[schema].properties).map(([key, property]) => field(form, [...path, name, key], property)),
    );
  return [
    section("Bars", symbolsField(form, path, datasets), some(FIRST)),
    section("Strategy", strategyFields(form, path, strategies, schemas)),
    labels && section("Name", some(LABELS)),
    folded("Execution and costs", all("execution", "Execution")),
    folded("Benchmark, rates and warm-up", some(ANALYSIS)),
    stream && folded("Stream and pace", all("stream", "Stream")),
    folded("Data, restart and priority", some(rest)),
  ];
}

/** @param {string} title @param {...import("../../core/dom.js").Children} children */
export const section = (title, ...children) => h("section", { class: "card" }, h("h2", {}, title), ...children);

/** @param {string} title @param {...import("../../core/dom.js").Children} children */
export const folded = (title, ...children) =>
  h("details", { class: "card" }, h("summary", {}, h("h2", {}, title)), ...children);
