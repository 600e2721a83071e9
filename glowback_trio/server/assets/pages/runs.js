// The runs of this server, newest first.
import { get } from "../core/api.js";
import { fill, h } from "../core/dom.js";
import { age } from "../core/format.js";

/**
 * @param {HTMLElement} root
 * @param {import("../app.js").Place} place
 */
export async function show(root, { signal }) {
  const body = h("tbody"), names = ["Run", "State", "Strategy", "Symbols", "Age"];
  root.append(h("h1", {}, "Runs"), h("table", { class: "plain" },
    h("thead", {}, h("tr", {}, names.map((name) => h("th", { scope: "col" }, name)))), body));
  /** @type {any[]} */
  const runs = await get("/backtests?limit=200", { signal });
  fill(body, runs.map(row));
  if (runs.length === 0) fill(root, h("h1", {}, "Runs"), h("p", {}, "There are no runs yet. ", h("a", { href: "/ui/new" }, "Begin one.")));
}

/** @param {any} run */
function row(run) {
  return h("tr", {}, h("td", {}, h("a", { href: `/ui/runs/${run.run_id}` }, run.name || run.run_id.slice(0, 8))),
    h("td", {}, run.state), h("td", {}, run.strategy), h("td", {}, run.symbols.join(", ")), h("td", {}, age(run.created_at)));
}
