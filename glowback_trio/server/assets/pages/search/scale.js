// A parameter as rows or columns of a table: its values, or ranges of them if there are many.
import { shown } from "./trials.js";

/** @typedef {{labels: string[], place: (value: any) => number}} Scale where a value stands, by its label */

const MOST_VALUES = 40,
  RANGES = 20;

/**
 * Return the scale of a parameter.
 * @param {any[]} values those that were tried, in any order
 * @returns {Scale}
 */
export function scaleOf(values) {
  const distinct = [...new Map(values.map((value) => [JSON.stringify(value), value])).values()];
  const isNumeric = distinct.every((value) => typeof value === "number");
  if (isNumeric && distinct.length > MOST_VALUES) return ranges(distinct);
  distinct.sort((a, b) => (isNumeric ? a - b : String(a).localeCompare(String(b))));
  const places = new Map(distinct.map((value, i) => [JSON.stringify(value), i]));
  return { labels: distinct.map(shown), place: (value) => places.get(JSON.stringify(value)) ?? -1 };
}

/** @param {number[]} values @returns {Scale} */
function ranges(values) {
  const [low, high] = values.reduce(([a, b], v) => [Math.min(a, v), Math.max(b, v)], [Infinity, -Infinity]);
  const width = (high - low) / RANGES;
  const label = (/** @type {number} */ i) => String(Number((low + i * width).toPrecision(3)));
  return {
    labels: Array.from({ length: RANGES }, (_, i) => `${label(i)}–${label(i + 1)}`),
    place: (value) => Math.min(RANGES - 1, Math.floor((value - low) / width)),
  };
}
