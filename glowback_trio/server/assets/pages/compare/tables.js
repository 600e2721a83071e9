// Metrics side by side with the best marked, and what the requests do not have in common.
import { h } from "../../core/dom.js";
import { METRIC_GROUPS } from "../result/metric_list.js";
import { plainTable } from "../run/sections.js";

/** @param {import("../compare.js").Compared[]} runs all completed */
export function metricsSideBySide(runs) {
  const rows = METRIC_GROUPS.flatMap(([, list]) => list).filter(({ key }) => runs.some(({ metrics }) => metrics?.[key] != null))
    .map((metric) => [metric.name, ...marked(metric, runs.map(({ metrics }) => metrics?.[metric.key] ?? null))]);
  const numbers = runs.map((_, place) => place + 1);
  return plainTable(["Metric", ...runs.map(({ name }) => name)], rows, { numbers, caption: "A star marks the best where one way is better" });
}

/**
 * Write the values of a metric, the best of them with a star.
 * @param {import("../result/metric_list.js").Metric} metric @param {(number | null)[]} values
 */
function marked({ write, better }, values) {
  const known = values.filter((value) => value !== null), best = better > 0 ? Math.max(...known) : Math.min(...known);
  const isContest = better !== 0 && known.length > 1 && known.some((value) => value !== known[0]);
  return values.map((value) => {
    if (!isContest || value !== best) return write(value);
    return h("b", { class: "good" }, write(value), h("span", { "aria-hidden": "true" }, " ★"), h("span", { class: "hidden" }, " best"));
  });
}

/** @param {import("../compare.js").Compared[]} runs */
export function parameterDifference(runs) {
  const flat = runs.map(({ request }) => flattened(request)), names = [...new Set(flat.flatMap((each) => [...each.keys()]))];
  const different = names.filter((name) => new Set(flat.map((each) => each.get(name))).size > 1);
  const rows = different.map((name) => [name, ...flat.map((each) => each.get(name) ?? "–")]);
  const same = `${names.length - different.length} other fields are the same in all of them.`;
  if (rows.length === 0) return h("p", {}, "The requests are the same.");
  return h("div", {}, plainTable(["Field", ...runs.map(({ name }) => name)], rows, { caption: "Fields in which the requests differ" }), h("p", { class: "quiet" }, same));
}

/**
 * Return the leaves of a document by their paths, as JSON.
 * @param {any} value @param {string} [path] @param {Map<string, string>} [found]
 */
function flattened(value, path = "", found = new Map()) {
  if (value !== null && typeof value === "object" && !Array.isArray(value))
    for (const [name, inner] of Object.entries(value)) flattened(inner, path ? `${path}.${name}` : name, found);
  else found.set(path, typeof value === "string" ? value : JSON.stringify(value).replaceAll(",", ", "));
  return found;
}
