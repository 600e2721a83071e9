// A metric over two parameters as a heat map, and all parameters as parallel lines.
import { heatMap } from "../../charts/heat_map.js";
import { parallel } from "../../charts/parallel.js";
import { fill, h } from "../../core/dom.js";
import { shown } from "./trials.js";

/** @typedef {import("./trials.js").Trial} Trial */
/** @typedef {import("./trials.js").Trials} Trials */

const MOST_VALUES = 40;

/**
 * Return a heat map of two parameters, which the reader chooses.
 * @param {Trials} trials @param {string} metric what is sought @param {(trial: Trial) => void} pick
 */
export function surface(trials, metric, pick) {
  const select = (/** @type {string} */ label) => h("select", { "aria-label": label, onchange: () => draw() });
  const down = select("Parameter of the rows"),
    across = select("Parameter of the columns"),
    what = select("Metric of the cells");
  const cells = /** @type {Map<string, Trial>} */ (new Map());
  let shownRows = /** @type {any[]} */ ([]),
    shownColumns = /** @type {any[]} */ ([]),
    marked = 0;
  const map = heatMap({
    label: "Trials by two parameters",
    rows: [],
    columns: [],
    values: [],
    format: (value) => value.toFixed(2),
    pick: (row, column) => {
      const trial = cells.get(key(shownRows[row], shownColumns[column]));
      if (trial) pick(trial);
    },
  });
  function draw() {
    const names = trials.names();
    offer(down, names, names[0]);
    offer(across, names, names[1] ?? names[0]);
    offer(what, [OBJECTIVE, ...trials.metrics()], OBJECTIVE);
    const [y, x] = [down.value, across.value],
      ranked = trials.ranked().slice(0);
    cells.clear();
    for (const trial of ranked) {
      // the best come first: a cell shows the best of those that it stands for
      const place = key(trial.parameters[y], trial.parameters[x]);
      if (!cells.has(place)) cells.set(place, trial);
    }
    shownRows = distinct(ranked, y);
    shownColumns = distinct(ranked, x);
    const value = (/** @type {Trial | undefined} */ trial) =>
      trial ? (what.value === OBJECTIVE ? trial.objective : (trial.metrics[what.value] ?? null)) : null;
    const values = shownRows.map((row) => shownColumns.map((column) => value(cells.get(key(row, column)))));
    const at = ranked.find(({ trial_number }) => trial_number === marked) ?? ranked[0];
    map.update({
      label: `${what.value === OBJECTIVE ? metric : what.value} by ${y} and ${x}`,
      rows: shownRows.map(shown),
      columns: shownColumns.map(shown),
      values,
      rowTitle: y,
      columnTitle: x,
      mark: at ? [shownRows.indexOf(at.parameters[y]), shownColumns.indexOf(at.parameters[x])] : null,
      diverging: values.flat().some((one) => one !== null && one < 0),
    });
  }
  const controls = h("div", { class: "row" }, down, h("span", {}, "by"), across, h("span", {}, "shows"), what);
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

/** @param {any} row @param {any} column */
const key = (row, column) => JSON.stringify([row, column]);

/** Return the values of a parameter in order: a sample of them, if there are many. @param {Trial[]} trials @param {string} name */
function distinct(trials, name) {
  const values = [
    ...new Map(trials.map(({ parameters }) => [JSON.stringify(parameters[name]), parameters[name]])).values(),
  ];
  values.sort((a, b) => (typeof a === "number" && typeof b === "number" ? a - b : String(a).localeCompare(String(b))));
  const every = Math.ceil(values.length / MOST_VALUES);
  return every > 1 ? values.filter((_, i) => i % every === 0) : values;
}

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
