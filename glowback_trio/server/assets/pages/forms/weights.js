// The weights of a portfolio, one for each symbol, and what they add up to.
import { fill, h } from "../../core/dom.js";
import { number } from "../../core/format.js";
import { equal } from "./strategy.js";

/**
 * Return the fields of the weights of a backtest.
 * @param {import("./field.js").Form} form @param {import("./schema.js").Path} path of the backtest
 */
export function weightsField({ draft, problems }, path) {
  const place = [...path, "portfolio_construction", "target_weights"];
  const symbols = () => /** @type {string[]} */ ([draft.at([...path, "symbols"]) ?? []].flat());
  const inputs = h("div", { class: "weights" }),
    sum = h("p", { class: "help", role: "status" }),
    says = h("p", { class: "problem" });
  const level = h(
    "button",
    { type: "button", class: "button small", onclick: () => draft.set(place, equal(symbols())) },
    "Equal weights",
  );
  let shown = "";
  draft.follow(() => {
    const names = [...new Set([...symbols(), ...Object.keys(draft.at(place) ?? {})])];
    if (names.join() !== shown)
      fill(
        inputs,
        names.map((name) => weight(name)),
      );
    shown = names.join();
    for (const input of inputs.querySelectorAll("input"))
      if (input !== document.activeElement) input.value = String(draft.at([...place, input.name]) ?? "");
    const total = Object.values(draft.at(place) ?? {}).reduce((/** @type {number} */ a, b) => a + Number(b), 0);
    sum.textContent = `Together ${number(total * 100, 1)}% of equity; the rest stays cash.`;
    sum.classList.toggle("bad", total > 1 + 1e-9);
  });

  /** @param {string} name */
  function weight(name) {
    const input = h("input", {
      type: "number",
      step: "0.01",
      min: 0,
      max: 1,
      name,
      placeholder: "0",
      inputmode: "decimal",
    });
    input.addEventListener("input", () => draft.set([...place, name], Number(input.value)));
    problems.add([...place, name], { input, says, label: `Weight of ${name}` });
    return h("label", { class: "weight" }, h("span", {}, name), input);
  }
  problems.add(place, { input: level, says, label: "Weights" });
  return h(
    "fieldset",
    { class: "f-field wide" },
    h("legend", {}, "Weights ", h("small", { class: "quiet" }, "fractions of equity")),
    inputs,
    h("div", { class: "f-row" }, level, sum),
    says,
  );
}
