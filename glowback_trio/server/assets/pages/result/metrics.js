// All metrics of a result, with what they mean.
import { h } from "../../core/dom.js";
import { METRIC_GROUPS } from "./metric_list.js";

/** @param {Record<string, number | null>} metrics */
export function metricsTable(metrics) {
  const groups = METRIC_GROUPS.filter(([, list]) => list.some(({ key }) => metrics[key] != null));
  return h("div", { class: "run-metrics" }, groups.map(([title, list]) => h("div", {}, h("h3", {}, title), group(list, metrics))));
}

/** @param {import("./metric_list.js").Metric[]} list @param {Record<string, number | null>} metrics */
function group(list, metrics) {
  const shown = list.filter(({ key }) => key in metrics);
  return h("dl", {}, shown.map(({ key, name, write, says }) =>
    h("div", {}, h("dt", {}, name), h("dd", { class: "number" }, write(metrics[key])), h("dd", { class: "says quiet" }, says))));
}
