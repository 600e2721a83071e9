// What is wrong with the rows of a dataset, as `glowback-trio data check` says it.
import { get } from "../../core/api.js";
import { fill, h } from "../../core/dom.js";
import { number } from "../../core/format.js";

/** Return the path of a symbol's prices: a slash in it is escaped twice. @param {string} symbol */
export const pathOf = (symbol) => `/datasets/${encodeURIComponent(symbol.replaceAll("/", "%2F"))}`;

/** @param {HTMLElement} parent @param {any} dataset @param {AbortSignal} signal */
export async function qualityOf(parent, { symbol, resolution }, signal) {
  fill(parent, h("p", { class: "quiet" }, "The rows are being checked."));
  try {
    fill(
      parent,
      report(await get(`${pathOf(symbol)}/quality${resolution ? `?resolution=${resolution}` : ""}`, { signal })),
    );
  } catch (error) {
    if (!signal.aborted)
      fill(parent, h("p", { class: "problem" }, error instanceof Error ? error.message : String(error)));
  }
}

/** What is counted, besides the findings in words. */
const COUNTS = {
  missing_intervals: "missing bars",
  duplicate_timestamps: "duplicate times",
  invalid_ohlc_rows: "contradictory rows",
  negative_volume_rows: "negative volumes",
  unsorted_rows: "unsorted rows",
};

/** Return a report of quality for people. @param {any} quality */
export function report({ rows, bars, critical = [], warnings = [], ...counts }) {
  const counted = Object.entries(COUNTS).map(([key, title]) =>
    h("div", {}, h("dt", {}, title), h("dd", { class: counts[key] ? "warn" : "" }, number(counts[key] ?? 0))),
  );
  const found = critical.length + warnings.length;
  const list = (/** @type {string} */ title, /** @type {string[]} */ sentences, /** @type {string} */ kind) =>
    sentences.length > 0 && [
      h("h3", { class: kind }, `${title} (${sentences.length})`),
      h(
        "ul",
        { class: "findings" },
        sentences.map((sentence) => h("li", {}, sentence)),
      ),
    ];
  return h(
    "div",
    {},
    h(
      "p",
      {},
      `${number(rows)} rows were read, ${number(bars)} bars are used. `,
      found === 0 ? h("b", { class: "good" }, "Nothing is wrong with them.") : null,
    ),
    h("dl", { class: "f-facts" }, counted),
    list("Critical", critical, "bad"),
    list("Warnings", warnings, "warn"),
  );
}
