// A new optimization, from a form, from JSON, or from one before.
import { get, post } from "../core/api.js";
import { h } from "../core/dom.js";
import { backtestSections } from "./forms/backtest.js";
import { Draft } from "./forms/draft.js";
import { showForm } from "./forms/form_page.js";
import { firstRequest } from "./forms/presets.js";
import { Problems } from "./forms/problems.js";
import { loadSchemas, pruned } from "./forms/schema.js";
import { searchSections } from "./search/search_fields.js";

/**
 * @param {HTMLElement} root
 * @param {import("../app.js").Place} place
 */
export async function show(root, { query, signal }) {
  const from = query.get("from");
  const [{ schemas, metrics }, strategies, datasets, before] = await Promise.all([
    loadSchemas(),
    get("/strategies", { signal }),
    get("/datasets", { signal }),
    from ? get(`/optimizations/${encodeURIComponent(from)}/request`, { signal }) : null,
  ]);
  const draft = new Draft(before ? pruned(before, schemas.OptimizationRequest, schemas) : firstSearch(datasets));
  const form = { draft, problems: new Problems() },
    choices = { schemas, strategies, datasets, metrics };
  const { first, space, how, sought, heldOut, rest } = searchSections(form, choices);
  const [bars, strategy, ...others] = backtestSections(form, ["base_backtest"], choices, {
    labels: false,
    stream: false,
  });
  showForm(root, {
    title: from ? "Search again, with changes" : "New optimization",
    form,
    lead: "Many backtests with different parameters, ranked, and how likely the best one is luck.",
    sections: [first, bars, strategy, space, how, sought, heldOut, ...others, rest],
    route: "POST /optimizations",
    label: "Start the search",
    submit: async (document) =>
      `/ui/optimizations/${(await post("/optimizations", document, { signal })).optimization_id}`,
  });
}

/** @param {any[]} datasets */
function firstSearch(datasets) {
  return {
    name: "Two moving averages",
    search_space: {
      parameters: [
        { name: "short_period", kind: "int_range", low: 5, high: 50, step: 5 },
        { name: "long_period", kind: "int_range", low: 20, high: 200, step: 20 },
      ],
      constraints: ["short_period < long_period"],
    },
    base_backtest: {
      ...firstRequest(datasets),
      strategy: { name: "ma_crossover", params: { direction: "long_only" } },
    },
    strategy: "grid",
    validation_mode: "walk_forward_refit",
  };
}
