// The parameters of a search: which number or choice it varies, and from where to where.
import { fill, h } from "../../core/dom.js";
import { label } from "../forms/schema.js";

/** @typedef {import("../forms/field.js").Form} Form */

const PLACE = ["search_space", "parameters"],
  BASE = ["base_backtest"];
const KINDS = {
  int_range: "whole numbers",
  float_range: "numbers",
  log_uniform: "numbers, by logarithm",
  choice: "choice",
};

/**
 * Return the rows in which the parameters of a search are written.
 * @param {Form} form @param {import("../forms/backtest.js").Choices} choices
 */
export function parameterRows(form, choices) {
  const { draft, problems } = form,
    rows = h("div", { class: "parameters" });
  const list = h("datalist", { id: "known-parameters" }),
    says = h("p", { class: "problem" }),
    sum = h("p", { class: "help", role: "status" });
  const parameters = () => /** @type {any[]} */ (Array.isArray(draft.at(PLACE)) ? draft.at(PLACE) : []);
  const put = (/** @type {any[]} */ wanted) => draft.set(PLACE, wanted);
  const add = h(
    "button",
    {
      type: "button",
      class: "button small",
      onclick: () => {
        put([...parameters(), { name: "", kind: "int_range" }]);
        rows.querySelector(".parameter:last-child input")?.dispatchEvent(new Event("wanted"));
      },
    },
    "Add a parameter",
  );
  let count = -1;
  draft.follow(() => {
    const known = searchable(draft, choices);
    fill(
      list,
      [...known.keys()].map((value) => h("option", { value })),
    );
    if (parameters().length !== count)
      fill(
        rows,
        parameters().map((_, i) => row(form, i, put, choices)),
      );
    count = parameters().length;
    sum.textContent = combinations(parameters());
  });
  problems.add(["search_space"], { input: add, says, label: "Parameters" });
  problems.add(PLACE, { input: add, says, label: "Parameters" });
  return h("div", {}, rows, list, says, h("div", { class: "f-row" }, add, sum));
}

/**
 * @param {Form} form @param {number} i @param {(wanted: any[]) => void} put
 * @param {import("../forms/backtest.js").Choices} choices
 */
function row({ draft, problems }, i, put, choices) {
  const says = h("p", { class: "problem" }),
    bounds = h("div", { class: "bounds" });
  const all = () => /** @type {any[]} */ (draft.at(PLACE) ?? []),
    name = () => all()[i]?.name || `parameter ${i + 1}`;
  /** @param {string} key @param {any} value */
  const set = (key, value) => put(all().map((one, n) => (n === i ? without({ ...one, [key]: value }) : one)));
  /** @param {string} key @param {HTMLInputElement | HTMLSelectElement} input @param {(text: string) => any} read */
  function follow(key, input, read) {
    input.addEventListener("input", () => set(key, input.value === "" ? undefined : read(input.value)));
    problems.add([...PLACE, i, key], { input, says, label: `${label(key)} of ${name()}` });
    draft.follow(() => {
      if (input !== document.activeElement) input.value = written(all()[i]?.[key]);
    });
    return input;
  }
  const named = follow(
    "name",
    h("input", { type: "text", list: "known-parameters", placeholder: "short_period", autocomplete: "off" }),
    String,
  );
  named.addEventListener("wanted", () => named.focus());
  named.addEventListener("change", () => {
    const property = searchable(draft, choices).get(named.value);
    if (property) put(all().map((one, n) => (n === i ? { name: named.value, ...suggested(property) } : one)));
  });
  const kind = follow(
    "kind",
    h(
      "select",
      {},
      Object.entries(KINDS).map(([value, title]) => h("option", { value }, title)),
    ),
    String,
  );
  const number = (/** @type {string} */ key, /** @type {string} */ hint) =>
    boxed(hint, follow(key, h("input", { type: "number", step: "any" }), Number));
  const values = boxed(
    "among",
    follow("values", h("input", { type: "text", placeholder: "long_only, long_short" }), read),
  );
  const range = [number("low", "from"), number("high", "to"), number("step", "step")];
  let isChoice = /** @type {boolean | null} */ (null); // filled anew only then: who writes in it keeps the focus
  draft.follow(() => {
    if (isChoice !== (isChoice = all()[i]?.kind === "choice")) fill(bounds, isChoice ? values : range);
  });
  const remove = () => put(all().filter((_, n) => n !== i));
  problems.add([...PLACE, i], { input: named, says, label: name() });
  return h(
    "div",
    { class: "parameter", role: "group", "aria-label": `Parameter ${i + 1}` },
    boxed("what varies", named),
    boxed("kind", kind),
    bounds,
    h(
      "button",
      { type: "button", class: "button small", "aria-label": `Remove parameter ${i + 1}`, onclick: remove },
      "×",
    ),
    says,
  );
}

/** @param {string} title @param {HTMLElement} input */
const boxed = (title, input) => h("label", { class: "boxed" }, h("small", { class: "quiet" }, title), input);

/** @param {any} value */
const written = (value) =>
  Array.isArray(value)
    ? value.map((one) => (typeof one === "string" ? one : JSON.stringify(one))).join(", ")
    : String(value ?? "");

/** Return the values of a choice: numbers where they are numbers, else texts. @param {string} text */
const read = (text) =>
  text
    .split(",")
    .map((one) => one.trim())
    .filter(Boolean)
    .map((one) => (Number.isNaN(Number(one)) ? one : Number(one)));

/** @param {any} parameter */
function without(parameter) {
  const unwanted = parameter.kind === "choice" ? ["low", "high", "step"] : ["values"];
  return Object.fromEntries(
    Object.entries(parameter).filter(([key, value]) => value !== undefined && !unwanted.includes(key)),
  );
}

/**
 * Return what may vary in the backtest of a search, by name.
 * @param {import("../forms/draft.js").Draft} draft @param {import("../forms/backtest.js").Choices} choices
 */
function searchable(draft, { strategies, schemas }) {
  const base = draft.at(BASE) ?? {},
    found = /** @type {Map<string, any>} */ (new Map());
  const chosen = base.portfolio_construction ? null : (base.strategy?.name ?? "buy_and_hold");
  const strategy = strategies.find(({ name, aliases }) => name === chosen || aliases.includes(chosen));
  for (const one of strategy?.parameters ?? []) found.set(one.name, one);
  if (base.portfolio_construction)
    for (const symbol of [base.symbols ?? []].flat())
      found.set(`weights.${symbol}`, { type: "number", minimum: 0, maximum: 1, default: 0.5 });
  for (const [name, property] of Object.entries(schemas.Execution.properties)) found.set(`execution.${name}`, property);
  return found;
}

/** Return a range around a default, within the bounds. @param {import("../forms/schema.js").Schema} property */
export function suggested({ type, enum: values, default: usual, minimum, maximum }) {
  const types = [type].flat();
  if (values) return { kind: "choice", values: values.filter((/** @type {any} */ value) => value !== null) };
  if (types.includes("boolean")) return { kind: "choice", values: [true, false] };
  const centre = typeof usual === "number" && usual !== 0 ? usual : 10,
    whole = types.includes("integer");
  const fit = (/** @type {number} */ value) => Math.min(maximum ?? Infinity, Math.max(minimum ?? -Infinity, value));
  if (whole)
    return {
      kind: "int_range",
      low: fit(Math.max(1, Math.round(centre / 2))),
      high: fit(centre * 3),
      step: Math.max(1, Math.round(centre / 4)),
    };
  return { kind: "float_range", low: fit(centre / 2), high: fit(centre * 2) };
}

/** Say how many combinations there are, if every range has a step. @param {any[]} parameters */
export function combinations(parameters) {
  const counts = parameters.map(({ kind, low, high, step, values = [] }) =>
    kind === "choice"
      ? values.length
      : kind === "int_range" || step
        ? Math.floor((high - low) / (step ?? 1) + 1e-9) + 1
        : NaN,
  );
  const all = counts.reduce((a, b) => a * b, 1);
  return parameters.length && Number.isFinite(all) ? `${all.toLocaleString("en-US")} combinations` : "";
}
