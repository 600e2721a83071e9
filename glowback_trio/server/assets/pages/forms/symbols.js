// The symbols of a request: chosen among those that the server has prices of, or written.
import { fill, h } from "../../core/dom.js";
import { date } from "../../core/format.js";

/** @typedef {import("./field.js").Form} Form */
/** @typedef {import("./schema.js").Path} Path */

const SUGGESTED = 500;

/**
 * Return the field of the symbols at a path, with the range that the server has of them.
 * @param {Form} form @param {Path} path @param {any[]} datasets
 */
export function symbolsField({ draft, problems }, path, datasets) {
  const symbols = () => /** @type {string[]} */ ([draft.at([...path, "symbols"]) ?? []].flat().map(String));
  const put = (/** @type {string[]} */ wanted) => draft.set([...path, "symbols"], [...new Set(wanted)]);
  const input = h("input", {
    type: "text",
    id: "symbols",
    list: "known-symbols",
    autocomplete: "off",
    placeholder: "a symbol, then Enter",
    "aria-describedby": "symbols-help symbols-problem",
  });
  const says = h("p", { class: "problem", id: "symbols-problem" }),
    chips = h("ul", { class: "chips", "aria-label": "Chosen symbols" });
  const help = h("p", { class: "help", id: "symbols-help" }),
    whole = h("button", { type: "button", class: "button small" }, "Use the whole range");
  const known = [...new Set(datasets.map(({ symbol }) => symbol).filter((symbol) => symbol !== "*"))].slice(
    0,
    SUGGESTED,
  );
  function add() {
    const wanted = input.value.split(/[\s,]+/).filter(Boolean);
    if (wanted.length) put([...symbols(), ...wanted]);
    input.value = "";
  }
  input.addEventListener("keydown", (event) => {
    if ((event.key === "Enter" || event.key === ",") && input.value) {
      event.preventDefault();
      add();
    } else if (event.key === "Backspace" && !input.value) put(symbols().slice(0, -1));
  });
  input.addEventListener("change", add);
  whole.addEventListener("click", () => {
    const range = common(datasets, symbols(), draft.at([...path, "resolution"]) ?? "day");
    if (range) {
      draft.set([...path, "start_date"], range[0]);
      draft.set([...path, "end_date"], range[1]);
    }
  });
  problems.add([...path, "symbols"], { input, says, label: "Symbols" });
  draft.follow(() => {
    const chosen = symbols(),
      range = common(datasets, chosen, draft.at([...path, "resolution"]) ?? "day");
    fill(
      chips,
      chosen.map((symbol) =>
        chip(symbol, () => {
          put(symbols().filter((one) => one !== symbol));
          input.focus();
        }),
      ),
    );
    whole.hidden = !range;
    fill(
      help,
      range
        ? `The server has bars of ${chosen.length === 1 ? "it" : "all of them"} from ${range[0]} to ${range[1]}. `
        : known.length
          ? `The server has ${known.length === SUGGESTED ? "many symbols" : known.slice(0, 12).join(", ")}${known.length > 12 ? " …" : ""}.`
          : "The server generates prices for any symbol.",
    );
  });
  return h(
    "div",
    { class: "f-field wide" },
    h("label", { for: "symbols" }, "Symbols"),
    chips,
    h("div", { class: "f-row" }, input, whole),
    h(
      "datalist",
      { id: "known-symbols" },
      known.map((value) => h("option", { value })),
    ),
    says,
    help,
  );
}

/** @param {string} symbol @param {() => void} remove */
const chip = (symbol, remove) =>
  h(
    "li",
    {},
    symbol,
    h("button", { type: "button", class: "chip-x", "aria-label": `Remove ${symbol}`, onclick: remove }, "×"),
  );

/**
 * Return the first and the last day that all symbols have; null if the server does not know them.
 * @param {any[]} datasets @param {string[]} symbols @param {string} resolution
 */
export function common(datasets, symbols, resolution) {
  const ranges = symbols.map((symbol) =>
    datasets.find((one) => one.symbol === symbol && one.resolution === resolution && one.first_bar),
  );
  if (!ranges.length || ranges.includes(undefined)) return null;
  const first = ranges
      .map((one) => date(one.first_bar))
      .sort()
      .at(-1),
    last = ranges.map((one) => date(one.last_bar)).sort()[0];
  return first && last && first <= last ? [first, last] : null;
}
