// What decides: a strategy with its parameters, or weights to hold.
import { fill, h } from "../../core/dom.js";
import { field, prose } from "./field.js";
import { label } from "./schema.js";
import { weightsField } from "./weights.js";

/** @typedef {import("./field.js").Form} Form */
/** @typedef {import("./schema.js").Path} Path */

/**
 * Return the part of a form in which a strategy or weights are chosen.
 * @param {Form} form @param {Path} path of the backtest @param {any[]} strategies
 * @param {Record<string, import("./schema.js").Schema>} schemas
 */
export function strategyFields(form, path, strategies, schemas) {
  const { draft, problems } = form,
    place = [...path, "strategy"],
    portfolio = [...path, "portfolio_construction"];
  const select = h(
    "select",
    { id: "strategy", "aria-describedby": "strategy-help strategy-problem" },
    strategies.map(({ name, title }) => h("option", { value: name }, title)),
    h("option", { value: WEIGHTS }, "Portfolio weights"),
  );
  const says = h("p", { class: "problem", id: "strategy-problem" }),
    about = h("p", { class: "help", id: "strategy-help" });
  const fields = h("div", { class: "f-grid" });
  problems.add(place, { input: select, says, label: "Strategy" });
  problems.add([...place, "name"], { input: select, says, label: "Strategy" });
  select.addEventListener("change", () => {
    const wanted = select.value; // which follows the draft from the first change on
    if (wanted === WEIGHTS) {
      draft.set(place, undefined);
      draft.set(portfolio, { target_weights: equal([draft.at([...path, "symbols"]) ?? []].flat()) });
    } else {
      draft.set(portfolio, undefined);
      draft.set(place, { name: wanted });
    }
  });
  let shown = "";
  draft.follow(() => {
    const chosen = draft.at(portfolio) ? WEIGHTS : (draft.at([...place, "name"]) ?? "buy_and_hold");
    const known = strategies.find(({ name, aliases }) => name === chosen || aliases.includes(chosen));
    if (select !== document.activeElement) select.value = known?.name ?? chosen;
    const now = known?.name ?? chosen;
    if (now === shown) return;
    shown = now;
    const what =
      now === WEIGHTS
        ? schemas.PortfolioConstruction.description
        : (known?.description ?? `The server has no strategy ${chosen}.`);
    fill(about, prose(what));
    if (now === WEIGHTS)
      fill(fields, weightsField(form, path), portfolioFields(form, portfolio, schemas.PortfolioConstruction));
    else
      fill(
        fields,
        (known?.parameters ?? []).map((/** @type {any} */ one) => field(form, [...place, "params", one.name], one)),
      );
  });
  return h(
    "div",
    {},
    h("div", { class: "f-field" }, h("label", { for: "strategy" }, "Strategy"), select, says, about),
    fields,
  );
}

export const WEIGHTS = "target_weights (weights)";

/** @param {Form} form @param {Path} path @param {import("./schema.js").Schema} schema */
function portfolioFields(form, path, schema) {
  const names = Object.keys(schema.properties).filter((name) => name !== "target_weights" && name !== "method");
  return names.map((name) => field(form, [...path, name], schema.properties[name], { title: label(name) }));
}

/** @param {string[]} symbols */
export function equal(symbols) {
  const weight = Math.floor(10_000 / Math.max(1, symbols.length)) / 10_000;
  return Object.fromEntries(symbols.map((symbol) => [symbol, weight]));
}
