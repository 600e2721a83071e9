// A metric over two parameters as a heat map, and all parameters as parallel lines.
import { heatMap } from "../../charts/heat_map.js";
import { parallel } from "../../charts/parallel.js";
import { fill, h } from "../../core/dom.js";
import { scaleOf } from "./scale.js";
import { shown } from "./trials.js";

/** @typedef {import("./trials.js").Trial} Trial */
/** @typedef {import("./trials.js").Trials} Trials */

/**
 * Return a heat map of two parameters, which the reader chooses.
 * @param {Trials} trials @param {string} metric what is sought @param {(trial: Trial) => void} pick
 */
export function surface(trials, metric, pick) {
  const select = (/** @type {string} */ label) => h("select", { "aria-label": label, onchange: () => draw() });
  const down = select("Parameter of the rows"),
    across = select("Parameter of the columns"),
    what = select("Metric of the cells");
  /** By row and column: the best of the trials that a cell stands for. @type {(Trial | undefined)[][]} */
  let cells = [];
  let marked = 0;
  const map = heatMap({
    label: "Trials by two parameters",
    rows: [],
    columns: [],
    values: [],
    format: (value) => value.toFixed(2),
    pick: (row, column) => {
      const trial = cells[row]?.[column];
      if (trial) pick(trial);
    },
  });
  function draw() {
    const names = trials.names();
    offer(down, names, names[0]);
    offer(across, names, names[1] ?? names[0]);
    offer(what, [OBJECTIVE, ...trials.metrics()], OBJECTIVE);
    const [y, x] = [down.value, across.value],
      ranked = trials.ranked();
    const rows = scaleOf(ranked.map(({ parameters }) => parameters[y])),
      columns = scaleOf(ranked.map(({ parameters }) => parameters[x]));
    const placeOf = (/** @type {Trial} */ { parameters }) =>
      /** @type {[number, number]} */ ([rows.place(parameters[y]), columns.place(parameters[x])]);
    cells = rows.labels.map(() => columns.labels.map(() => undefined));
    for (const trial of ranked) {
      const [row, column] = placeOf(trial); // the best come first
      cells[row][column] ??= trial;
    }
    const value = (/** @type {Trial | undefined} */ trial) =>
      trial ? (what.value === OBJECTIVE ? trial.objective : (trial.metrics[what.value] ?? null)) : null;
    const values = cells.map((line) => line.map(value));
    const at = ranked.find(({ trial_number }) => trial_number === marked) ?? ranked[0];
    map.update({
      label: `${what.value === OBJECTIVE ? metric : what.value} by ${y} and ${x}`,
      rows: rows.labels,
      columns: columns.labels,
      values,
      rowTitle: y,
      columnTitle: x,
      mark: at ? placeOf(at) : null,
      diverging: values.flat().some((one) => one !== null && one < 0),
    });
  }
  const controls = h("div", { class: "f-row" }, down, h("span", {}, "by"), across, h("span", {}, "shows"), what);
  return {
    element: h("div", {}, controls, map.element),
    update: draw,
    mark: (/** @type {number} */ trial) => {
      marked = trial;
      draw();
    },
  };
}

const OBJECTIVE = "objective";

/** @param {HTMLSelectElement} select @param {string[]} values @param {string | undefined} first */
function offer(select, values, first) {
  if (select.options.length === values.length) return;
  const before = select.value || first;
  fill(
    select,
    values.map((value) => h("option", { value }, value.replaceAll("_", " "))),
  );
  select.value = before && values.includes(before) ? before : (first ?? "");
}

/** Return all trials as lines over their parameters. @param {Trials} trials @param {string} metric */
export function lines(trials, metric) {
  const chart = parallel({ label: "Trials as lines over their parameters", axes: [], lines: [] });
  let marked = /** @type {number | null} */ (null);
  function draw() {
    const names = trials.names(),
      ranked = trials.ranked(),
      last = Math.max(1, ranked.length - 1);
    chart.update({
      axes: [...names.map((name) => ({ name })), { name: metric }],
      marked: marked ?? ranked[0]?.trial_number ?? null,
      lines: ranked.map(({ trial_number: id, parameters, objective }, rank) => ({
        id,
        score: 1 - rank / last,
        values: [
          ...names.map((name) => (typeof parameters[name] === "number" ? parameters[name] : shown(parameters[name]))),
          objective,
        ],
      })),
    });
  }
  return {
    element: chart.element,
    update: draw,
    mark: (/** @type {number} */ trial) => {
      marked = trial;
      draw();
    },
  };
}
