// How parameters are searched: the way, the number of trials, what is sought and what is held out.
import { h } from "../../core/dom.js";
import { folded, section } from "../forms/backtest.js";
import { field } from "../forms/field.js";
import { parameterRows } from "./parameters.js";

/** @typedef {import("../forms/schema.js").Path} Path */

/** Fields that mean something for some ways to search or to validate only. @type {Record<string, [string, string[]]>} */
const ONLY = {
  grid_steps: ["strategy", ["grid"]],
  exploration_weight: ["strategy", ["bayesian"]],
  batch_size: ["strategy", ["bayesian", "cma", "successive_halving"]],
  validation_fraction: ["validation_mode", ["holdout", "walk_forward", "walk_forward_refit"]],
  walk_forward_windows: ["validation_mode", ["walk_forward", "walk_forward_refit"]],
  anchored: ["validation_mode", ["walk_forward_refit"]],
  folds: ["validation_mode", ["purged_k_fold", "cpcv"]],
  test_folds: ["validation_mode", ["cpcv"]],
  purge_bars: ["validation_mode", ["purged_k_fold", "cpcv"]],
  embargo_bars: ["validation_mode", ["purged_k_fold", "cpcv"]],
};
const HELD_OUT = ["validation_mode", ...Object.keys(ONLY).filter((name) => ONLY[name][0] === "validation_mode")];
const SOUGHT = ["objective_metric", "direction", "metric_constraints"];
const WAY = ["strategy", "max_trials", ...Object.keys(ONLY).filter((name) => ONLY[name][0] === "strategy")];
const APART = ["name", "description", "search_space", "base_backtest", "objectives", "ray_cluster"];

/**
 * Return the sections of a form that say how parameters are searched.
 * @param {import("../forms/field.js").Form} form
 * @param {import("../forms/backtest.js").Choices & {metrics: string[]}} choices
 */
export function searchSections(form, choices) {
  const { properties } = choices.schemas.OptimizationRequest,
    space = choices.schemas.SearchSpace.properties;
  const placed = new Set([...HELD_OUT, ...SOUGHT, ...WAY, ...APART]),
    rest = Object.keys(properties).filter((name) => !placed.has(name));
  const some = (/** @type {string[]} */ names) =>
    h(
      "div",
      { class: "f-grid" },
      names.map((name) =>
        shownIf(
          form,
          name,
          field(form, [name], properties[name], {
            title: TITLES[name],
            suggestions: name === "objective_metric" ? choices.metrics : undefined,
          }),
        ),
      ),
    );
  return {
    first: section("Name", some(["name"])),
    space: section(
      "Search space",
      parameterRows(form, choices),
      h(
        "div",
        { class: "after" },
        field(form, ["search_space", "constraints"], space.constraints, { title: "Constraints" }),
      ),
    ),
    how: section("Search method", some(WAY)),
    sought: section("Objective", some(SOUGHT)),
    heldOut: section("Validation", some(HELD_OUT)),
    rest: folded("Restart and priority of the search", some([...rest, "description"])),
  };
}

/** @type {Record<string, string>} */
const TITLES = {
  strategy: "Method",
  validation_mode: "Mode",
  metric_constraints: "Metric constraints",
  description: "Note",
};

/** @param {import("../forms/field.js").Form} form @param {string} name @param {HTMLElement} element */
function shownIf({ draft }, name, element) {
  const only = ONLY[name];
  if (only)
    draft.follow(() => {
      element.hidden = !only[1].includes(draft.at([only[0]]) ?? USUAL[only[0]]);
    });
  return element;
}

/** @type {Record<string, string>} */
const USUAL = { strategy: "random", validation_mode: "walk_forward" };
