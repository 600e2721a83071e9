// The optimizations of this server, newest first, as they go on.
import { get } from "../core/api.js";
import { optimizations, watchChanges } from "../core/changes.js";
import { fill, h } from "../core/dom.js";
import { age, number } from "../core/format.js";
import { shown } from "./search/trials.js";

const NAMES = ["Name", "State", "Method", "Trials", "Objective", "Best", "Best parameters", "Age"];

/** @param {HTMLElement} root @param {import("../app.js").Place} place */
export async function show(root, { signal }) {
  const body = h("tbody"),
    none = h(
      "p",
      { class: "lead", hidden: true },
      "There are no optimizations yet. One tries many parameters of a strategy, ranks them, and says how likely the best is luck.",
    );
  const table = h(
    "table",
    { class: "plain stacked" },
    h("caption", { class: "hidden" }, "Optimizations"),
    h(
      "thead",
      {},
      h(
        "tr",
        {},
        NAMES.map((name) => h("th", { scope: "col" }, name)),
      ),
    ),
    body,
  );
  root.append(
    h(
      "div",
      { class: "f-row f-head" },
      h("h1", {}, "Optimizations"),
      h("a", { class: "button primary", href: "/ui/optimizations/new" }, "New optimization"),
    ),
    none,
    table,
  );
  const first = /** @type {any[]} */ (await get("/optimizations?limit=200", { signal }));
  let isCurrent = false;
  function draw() {
    isCurrent ||= optimizations.size > 0; // before that the store has not read its list
    const all = isCurrent
      ? [...optimizations.values()].sort((a, b) => Date.parse(b.created_at) - Date.parse(a.created_at))
      : first;
    const focused = document.activeElement?.getAttribute("href");
    fill(body, all.map(row));
    [...body.querySelectorAll("a")].find((link) => link.getAttribute("href") === focused)?.focus();
    table.hidden = all.length === 0;
    none.hidden = !table.hidden;
  }
  draw();
  watchChanges(draw, signal);
}

/** @param {any} one */
function row({
  optimization_id: id,
  name,
  best_trial: best,
  paused,
  state,
  progress,
  strategy,
  trials_completed: done,
  max_trials: most,
  objective_metric: metric,
  created_at: begun,
}) {
  const parameters = Object.entries(best?.parameters ?? {})
    .map(([key, value]) => `${key} ${shown(value)}`)
    .join(", ");
  const bar = state === "running" && h("progress", { max: 1, value: progress, "aria-label": `Progress of ${name}` });
  return h(
    "tr",
    {},
    h("th", { scope: "row" }, h("a", { href: `/ui/optimizations/${id}` }, name)),
    h("td", {}, paused ? "paused" : state, bar),
    h("td", {}, strategy),
    h("td", {}, `${number(done)} of ${number(most)}`),
    h("td", {}, metric.replaceAll("_", " ")),
    h("td", {}, number(best?.objective, 3)),
    h("td", {}, parameters || "–"),
    h("td", {}, age(begun)),
  );
}
