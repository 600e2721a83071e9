// What was found out of sample: the winner of every window or split, and the equity stitched from them.
import { fill, h } from "../../core/dom.js";
import { date, number, percent } from "../../core/format.js";
import { shown } from "./trials.js";

/**
 * Return a table of windows or splits that grows while they are told, and a place for the stitched curve.
 * @param {string} metric what is sought
 */
export function validation(metric) {
  const body = h("tbody"),
    curve = h("div"),
    sums = h("p", {});
  const titles = ["Test range", "Winner", "Parameters", `${metric.replaceAll("_", " ")} in sample`, "out of sample", "Return"];
  const table = h(
    "table",
    { class: "plain" },
    h(
      "thead",
      {},
      h(
        "tr",
        {},
        titles.map((title, i) => h("th", { scope: "col", class: i > 2 ? "number" : "" }, title)),
      ),
    ),
    body,
  );
  const element = h(
    "div",
    { hidden: true },
    sums,
    curve,
    h("div", { class: "f-scroll", tabindex: 0, role: "region", "aria-label": "Windows and splits" }, table),
  );
  return {
    element,
    curve,
    /** @param {any[]} found payloads of `validation` events */
    update(found) {
      element.hidden = found.length === 0;
      fill(body, found.map(row));
    },
    /** @param {any} outOfSample */
    finish(outOfSample) {
      const { metrics, bars } = outOfSample ?? {};
      if (metrics)
        fill(
          sums,
          `Traded one after the other, what was held out gives ${percent(metrics.total_return, { digits: 1, signed: true })} over ${number(bars)} bars, with a Sharpe ratio of `,
          h("b", {}, number(metrics.sharpe_ratio, 2)),
          ` and a drawdown of ${percent(metrics.max_drawdown, { digits: 1 })}. No bar of it was seen by the search that chose how to trade it.`,
        );
    },
  };
}

/** @param {any} one */
function row({
  window,
  test,
  held_out: folds,
  winner,
  parameters,
  train_objective: before,
  test_objective: after,
  test_metrics: metrics,
  error,
}) {
  const where =
    window !== undefined
      ? `${date(test?.start)} to ${date(test?.end)}`
      : `folds ${folds.map((/** @type {number} */ fold) => fold + 1).join(" and ")}`;
  const chosen = Object.entries(parameters)
    .map(([name, value]) => `${name} ${shown(value)}`)
    .join(", ");
  return h(
    "tr",
    {},
    h("th", { scope: "row" }, where),
    h("td", {}, `#${winner}`),
    h("td", {}, chosen),
    error
      ? h("td", { class: "problem", colspan: 3 }, error)
      : [
          h("td", { class: "number" }, number(before, 2)),
          h("td", { class: `number ${after < 0 ? "bad" : ""}` }, number(after, 2)),
          h("td", { class: "number" }, percent(metrics.total_return, { digits: 1, signed: true })),
        ],
  );
}
