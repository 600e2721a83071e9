// A new run, from a form, from JSON, or from a run before.
import { get, post } from "../core/api.js";
import { h } from "../core/dom.js";
import { backtestSections } from "./forms/backtest.js";
import { Draft } from "./forms/draft.js";
import { showForm } from "./forms/form_page.js";
import { firstRequest, presets } from "./forms/presets.js";
import { Problems } from "./forms/problems.js";
import { loadSchemas, pruned } from "./forms/schema.js";

/**
 * @param {HTMLElement} root
 * @param {import("../app.js").Place} place
 */
export async function show(root, { query, signal }) {
  const from = query.get("from");
  const [{ schemas }, strategies, datasets, before] = await Promise.all([
    loadSchemas(),
    get("/strategies", { signal }),
    get("/datasets", { signal }),
    from ? get(`/backtests/${encodeURIComponent(from)}/request`, { signal }) : null,
  ]);
  const draft = new Draft(
    before ? pruned(before, schemas.BacktestRequest, schemas) : firstRequest(datasets, query.get("symbol")),
  );
  const form = { draft, problems: new Problems() };
  const lead = from
    ? [
        "All that ",
        h("a", { href: `/ui/runs/${encodeURIComponent(from)}` }, before.name || from.slice(0, 8)),
        " was begun with. Change what you like.",
      ]
    : "One backtest: which bars, what decides, and at what cost. Fields that are empty take the value shown in them.";
  showForm(root, {
    title: from ? "Run again, with changes" : "New run",
    lead,
    form,
    sections: [!from && presets(draft, datasets), ...backtestSections(form, [], { schemas, strategies, datasets })],
    route: "POST /backtests",
    label: "Start the run",
    submit: async (document) => `/ui/runs/${(await post("/backtests", document, { signal })).run_id}`,
  });
}
