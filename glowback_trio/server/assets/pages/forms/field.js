// One value of a document as a field: a number, a text, a choice, a day, or yes and no.
import { h } from "../../core/dom.js";
import { asDate, bounds, label, typeOf } from "./schema.js";

/**
 * @typedef {object} Form what the fields of a form share
 * @property {import("./draft.js").Draft} draft
 * @property {import("./problems.js").Problems} problems
 *
 * @typedef {object} Kind how a value becomes what is written in a field, and the other way round
 * @property {HTMLInputElement | HTMLSelectElement | HTMLTextAreaElement} input
 * @property {() => any} read undefined: nothing is written
 * @property {(value: any) => void} write
 */

let count = 0;

/**
 * Return a field for what stands at a path.
 * @param {Form} form
 * @param {import("./schema.js").Path} path
 * @param {import("./schema.js").Schema} schema
 * @param {{title?: string, help?: string | null, suggestions?: string[]}} [options]
 */
export function field({ draft, problems }, path, schema, { title, help = schema.description, suggestions } = {}) {
  const { input, read, write } = kindOf(schema, path),
    id = `field-${++count}`,
    name = title ?? label(String(path.at(-1)));
  const says = h("p", { class: "problem", id: `${id}-problem` }),
    limits = bounds(schema);
  const list =
    suggestions &&
    h(
      "datalist",
      { id: `${id}-list` },
      suggestions.map((value) => h("option", { value })),
    );
  if (list) input.setAttribute("list", list.id);
  input.id = id;
  input.setAttribute("aria-describedby", `${id}-help ${id}-problem`);
  input.addEventListener("change", () => draft.set(path, read()));
  input.addEventListener("input", () => draft.set(path, read()));
  problems.add(path, { input, says, label: name });
  draft.follow(() => {
    if (input !== document.activeElement || input.type === "checkbox") write(draft.at(path));
  });
  const about = h("p", { class: "help", id: `${id}-help` }, limits && h("b", {}, `${limits}. `), prose(help ?? ""));
  const kind = input.type === "checkbox" ? "f-field check" : "f-field";
  return h("div", { class: kind }, h("label", { for: id }, name), input, list, says, about);
}

/** Return a sentence in which what stands between backticks is code. @param {string} text */
export function prose(text) {
  return text.split("`").map((part, i) => (i % 2 ? h("code", {}, part) : part));
}

/** @param {import("./schema.js").Schema} schema @param {import("./schema.js").Path} path @returns {Kind} */
function kindOf(schema, path) {
  const type = typeOf(schema);
  if (schema.enum) return choice(schema);
  if (type === "boolean") return check(schema);
  if (type === "number" || type === "integer") return numeric(schema, type);
  if (/^(start|end)_date$/.test(String(path.at(-1)))) return day();
  if (type === "array") return lines(path);
  return text(schema);
}

/** @param {import("./schema.js").Schema} schema @returns {Kind} */
function choice(schema) {
  const values = schema.enum.filter((/** @type {any} */ value) => value !== null);
  const first = "default" in schema ? `${schema.default ?? "none"} (default)` : "choose";
  const input = h(
    "select",
    {},
    h("option", { value: "" }, first),
    values.map((/** @type {string} */ value) => h("option", { value }, value)),
  );
  return {
    input,
    read: () => input.value || undefined,
    write: (value) => {
      input.value = value ?? "";
    },
  };
}

/** @param {import("./schema.js").Schema} schema @returns {Kind} */
function check(schema) {
  const input = h("input", { type: "checkbox" });
  return {
    input,
    read: () => (input.checked === schema.default ? undefined : input.checked),
    write: (value) => {
      input.checked = value ?? schema.default ?? false;
    },
  };
}

/** @param {import("./schema.js").Schema} schema @param {string} type @returns {Kind} */
function numeric(schema, type) {
  // Bounds are left to the server, whose sentence stands below the field; a browser would hide what it refuses.
  const placeholder = "default" in schema ? String(schema.default ?? "none") : "";
  const input = h("input", {
    type: "number",
    step: type === "integer" ? 1 : "any",
    placeholder,
    inputmode: type === "integer" ? "numeric" : "decimal",
  });
  return {
    input,
    read: () => (input.value === "" ? undefined : Number(input.value)),
    write: (value) => {
      input.value = typeof value === "number" ? String(value) : "";
    },
  };
}

/** @returns {Kind} */
function day() {
  const input = h("input", { type: "date", placeholder: "2020-01-31T09:30:00Z" });
  return {
    input,
    read: () => input.value || undefined,
    write: (value) => {
      input.type = value === undefined || asDate(value) ? "date" : "text";
      input.value = (input.type === "date" ? asDate(value) : String(value)) ?? "";
    },
  };
}

/** @param {import("./schema.js").Path} path @returns {Kind} */
function lines(path) {
  // Tags hold no commas, and comparisons need none, so that both can be written one after the other.
  const examples = { constraints: "short_period < long_period", metric_constraints: "max_drawdown <= 20" };
  const placeholder = examples[/** @type {"constraints"} */ (path.at(-1))] ?? "first, second";
  const input = h("input", { type: "text", placeholder });
  const read = () =>
    input.value
      .split(",")
      .map((one) => one.trim())
      .filter(Boolean);
  return {
    input,
    read: () => (read().length ? read() : undefined),
    write: (value) => {
      input.value = Array.isArray(value) ? value.join(", ") : "";
    },
  };
}

/** @param {import("./schema.js").Schema} schema @returns {Kind} */
function text(schema) {
  const input =
    (schema.maxLength ?? 0) >= 1024 && !schema.minLength
      ? h("textarea", { rows: 2 })
      : h("input", { type: "text", placeholder: schema.default || "" });
  return {
    input,
    read: () => input.value || undefined,
    write: (value) => {
      input.value = typeof value === "string" ? value : "";
    },
  };
}
