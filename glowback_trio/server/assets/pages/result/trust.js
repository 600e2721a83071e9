// How far to trust a Sharpe ratio: by the length of the record, and by how often anyone has looked.
import { h } from "../../core/dom.js";
import { number, percent } from "../../core/format.js";
import { METRICS } from "./metric_list.js";
import { plainTable } from "../run/sections.js";

/** @param {any} result */
export function trust({ overfit, tearsheet }) {
  const { robustness: found } = tearsheet;
  return h("div", {}, looks(overfit), record(found), intervals(found));
}

const chance = (/** @type {number | null} */ value) => percent(value === null ? null : value * 100, { digits: 1 });

/** @param {any} overfit */
function looks({ trials, effective_trials: effective, probabilistic_sharpe_ratio: one, deflated_sharpe_ratio: many, strategy }) {
  const again = trials === 1 ? "This is the only trial" : `${number(trials)} trials have been made`;
  const alike = effective < trials ? `, of which ${number(effective)} differ enough to count` : "";
  return h("div", {},
    h("p", {}, `${again} of ${strategy} on these bars, by anyone on this server${alike}: the honest N is ${number(effective)}.`),
    h("dl", { class: "run-figures" },
      h("div", { class: "run-figure" }, h("dt", {}, "Sharpe ratio above 0, had this been the only look"), h("dd", {}, chance(one))),
      h("div", { class: "run-figure" }, h("dt", {}, `Sharpe ratio above what luck finds in ${number(effective)} ${effective === 1 ? "trial" : "trials"}`), h("dd", {}, chance(many)))));
}

/** @param {any} found */
function record({ observations, minimum_track_record: needed, confidence }) {
  if (needed === null) return h("p", {}, "No record of this kind, however long, would make the Sharpe ratio credible.");
  const verdict = observations >= needed ? "is long enough" : "is too short";
  return h("p", {}, `The record of ${number(observations)} bars ${verdict}: ${number(Math.ceil(needed))} are needed to be `,
    `${chance(confidence)} sure that the Sharpe ratio is above 0.`);
}

/** @param {any} found */
function intervals({ intervals: all, confidence, replicates }) {
  const rows = Object.entries(all).flatMap(([key, range]) => {
    const metric = METRICS.find((each) => each.key === key);
    return metric && range ? [[metric.name, metric.write(range.low), metric.write(range.high)]] : [];
  });
  return rows.length === 0 ? null : plainTable(["Metric", "From", "To"], rows,
    { numbers: [1, 2], caption: `Where the true values lie with a probability of ${chance(confidence)}, by ${number(replicates)} bootstraps of the returns` });
}
