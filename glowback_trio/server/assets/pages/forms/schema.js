// What requests may hold, as the server's own schemas say it: types, bounds, defaults and explanations.

/**
 * @typedef {Record<string, any>} Schema a schema of JSON Schema, or one property of it
 * @typedef {(string | number)[]} Path where a value stands in a document
 */

/** @type {Promise<{schemas: Record<string, Schema>, metrics: string[]}> | undefined} */
let loading;

/** Return the schemas of requests by name, and the names of the metrics that a search may seek. */
export function loadSchemas() {
  loading ??= fetch("/assets/schemas.json").then((response) => response.json());
  return loading;
}

/** Return the type of a property without its null. @param {Schema} schema @returns {string} */
export function typeOf(schema) {
  return [schema.type].flat().find((type) => type !== "null") ?? "any";
}

/** Return in words what a number may be, such as `0 to 1,000`; "" if anything. @param {Schema} schema */
export function bounds({ minimum, exclusiveMinimum, maximum, exclusiveMaximum }) {
  const write = (/** @type {number} */ value) => value.toLocaleString("en-US", { maximumFractionDigits: 10 });
  const limit = (
    /** @type {number | undefined} */ closed,
    /** @type {number | undefined} */ open,
    /** @type {string} */ word,
  ) => (closed !== undefined ? write(closed) : open !== undefined ? `${word} ${write(open)}` : "");
  const low = limit(minimum, exclusiveMinimum, "above"),
    high = limit(maximum, exclusiveMaximum, "below");
  const open = /^[ab]/.test(low) || /^b/.test(high);
  if (low && high && !open) return `${low} to ${high}`;
  return [low.replace(/^(?=[\d-])/, "at least "), high.replace(/^(?=[\d-])/, "at most ")].filter(Boolean).join(", ");
}

/** Return a name of the API as a label: `slippage_bps` as `Slippage, bps`. @param {string} name */
export function label(name) {
  const units = /^(.*)_(bps|pct|ms|bars)$/.exec(name),
    unit = { bps: ", bps", pct: ", %", ms: ", ms", bars: " bars" };
  const words = (units ? units[1] : name).replaceAll("_", " ") + (units ? unit[/** @type {"bps"} */ (units[2])] : "");
  return words[0].toUpperCase() + words.slice(1);
}

/**
 * Return a document without what is as the schema's defaults say, so that it shows what was chosen.
 * @param {any} document
 * @param {Schema} schema
 * @param {Record<string, Schema>} schemas
 */
export function pruned(document, schema, schemas) {
  /** @type {Record<string, any>} */
  const kept = {};
  for (const [name, value] of Object.entries(document)) {
    const property = schema.properties[name] ?? {},
      inner = innerOf(property, schemas);
    const short = inner && value ? pruned(value, inner, schemas) : dateOnly(name, value);
    const isDefault =
      same(value, property.default) || (inner && "default" in property && same(short, property.default));
    if (!isDefault || schema.required?.includes(name)) kept[name] = short;
  }
  return kept;
}

/** @param {Schema} property @param {Record<string, Schema>} schemas @returns {Schema | undefined} */
export function innerOf(property, schemas) {
  const references = [property, ...(property.anyOf ?? [])].map(({ $ref }) => schemas[$ref?.split("/").at(-1)]);
  return references.find((schema) => schema?.properties);
}

/** @param {string} name @param {any} value */
const dateOnly = (name, value) => (/^(start|end)_date$/.test(name) ? (asDate(value) ?? value) : value);

/** Return a whole day's date; null for other texts. @param {any} text */
export function asDate(text) {
  return /^(\d{4}-\d\d-\d\d)(T(00:00:00(\.0+)?|23:59:59(\.\d+)?)(Z|\+00:00))?$/.exec(String(text ?? ""))?.[1] ?? null;
}

/** @param {any} one @param {any} other */
const same = (one, other) => JSON.stringify(one) === JSON.stringify(other);
