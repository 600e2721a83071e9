// The optimizations of this server, newest first.
import { get, pages } from "../core/api.js";
import { fill, h } from "../core/dom.js";
import { age, number } from "../core/format.js";

/** @param {HTMLElement} root @param {import("../app.js").Place} place */
export async function show(root, { signal }) {
  const body = h("tbody"), none = h("p", { class: "lead", hidden: true }, "There are no optimizations yet.");
  const names = ["Name", "State", "Search", "Trials", "Seeks", "Best", "Parameters of the best", "Begun"];
  const table = h("table", { class: "plain stacked" }, h("caption", { class: "hidden" }, "Optimizations"), h("thead", {}, h("tr", {}, names.map((name) => h("th", { scope: "col" }, name)))), body);
  root.append(h("div", { class: "row head" }, h("h1", {}, "Optimizations"), h("a", { class: "button primary", href: "/ui/optimizations/new" }, "New optimization")), none, table);
  const all = await get("/optimizations?limit=200", { signal });
  fill(body, all.map(row));
  table.hidden = all.length === 0;
  none.hidden = !table.hidden;
}

/** @param {any} one */
function row(one) {
  const { best_trial: best, paused, state } = one;
  const parameters = best ? Object.entries(best.parameters).map(([name, value]) => `${name} ${value}`).join(", ") : "–";
  return h("tr", {}, h("th", { scope: "row" }, h("a", { href: `/ui/optimizations/${one.optimization_id}` }, one.name)), h("td", {}, paused ? "paused" : state, state === "running" && h("progress", { max: 1, value: one.progress, "aria-label": "Progress" })),
    h("td", {}, one.strategy), h("td", {}, `${number(one.trials_completed)} of ${number(one.max_trials)}`), h("td", {}, one.objective_metric), h("td", {}, number(best?.objective, 3)), h("td", {}, parameters), h("td", {}, age(one.created_at)));
}
