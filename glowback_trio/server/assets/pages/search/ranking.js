// The best trials as a table, and what can be done with one of them.
import { fill, h } from "../../core/dom.js";
import { number, percent } from "../../core/format.js";
import { shown } from "./trials.js";

/** @typedef {import("./trials.js").Trial} Trial */

const STEP = 25;

/**
 * Return a ranking that can be updated.
 * @param {object} options
 * @param {string} options.metric what is sought
 * @param {(trial: Trial) => void} options.pick called for a trial that is chosen
 * @param {(trial: Trial) => void} options.run called for a trial that is to be a run
 */
export function ranking({ metric, pick, run }) {
  const head = h("thead"),
    body = h("tbody"),
    none = h("p", { class: "quiet" }, "No trial has ended yet.");
  const more = h(
    "button",
    {
      type: "button",
      class: "button small",
      onclick: () => {
        most += STEP;
        draw();
      },
    },
    `Show ${STEP} more`,
  );
  const table = h(
    "table",
    { class: "plain ranking" },
    h("caption", { class: "hidden" }, "Trials, the best first"),
    head,
    body,
  );
  let trials = /** @type {Trial[]} */ ([]),
    front = new Set(/** @type {number[]} */ ([])),
    chosen = 0,
    most = STEP;
  const others = ["total_return", "sharpe_ratio", "max_drawdown", "total_trades"].filter((name) => name !== metric);
  function draw() {
    const names = Object.keys(trials[0]?.parameters ?? {}),
      focused = document.activeElement?.getAttribute("data-trial");
    fill(
      head,
      h(
        "tr",
        {},
        [`#`, metric, ...names, ...others].map((name, i) =>
          h("th", { scope: "col", class: i > 0 ? "number" : "" }, name.replaceAll("_", " ")),
        ),
        h("th", {}, h("span", { class: "hidden" }, "Action")),
      ),
    );
    fill(
      body,
      trials.slice(0, most).map((trial) => row(trial, names)),
    );
    [...body.querySelectorAll("button")].find((button) => focused && button.dataset.trial === focused)?.focus();
    table.hidden = trials.length === 0;
    none.hidden = !table.hidden;
    more.hidden = trials.length <= most;
  }
  /** @param {Trial} trial @param {string[]} names */
  function row(trial, names) {
    const choose = () => {
      chosen = trial.trial_number;
      draw();
      pick(trial);
    };
    const button = h(
      "button",
      {
        type: "button",
        class: "link",
        "data-trial": trial.trial_number,
        "aria-pressed": String(chosen === trial.trial_number),
        onclick: choose,
      },
      String(trial.trial_number),
    );
    const notes = [front.has(trial.trial_number) && "on the front", !trial.feasible && "breaks a condition"]
      .filter(Boolean)
      .join(", ");
    return h(
      "tr",
      { class: chosen === trial.trial_number ? "chosen" : "" },
      h("th", { scope: "row" }, button, notes && h("small", { class: "quiet" }, ` ${notes}`)),
      h("td", { class: "number strong" }, number(trial.objective, 4)),
      names.map((name) => h("td", { class: "number" }, shown(trial.parameters[name]))),
      others.map((name) => h("td", { class: "number" }, written(name, trial.metrics[name]))),
      h(
        "td",
        { class: "number" },
        h(
          "button",
          {
            type: "button",
            class: "button small",
            "aria-label": `Run trial ${trial.trial_number}`,
            onclick: () => run(trial),
          },
          "Run",
        ),
      ),
    );
  }
  draw();
  return {
    element: h("div", { class: "f-scroll", tabindex: 0, role: "region", "aria-label": "Ranking" }, none, table, more),
    /** @param {Trial[]} ranked @param {number[]} [best] */
    update(ranked, best = []) {
      [trials, front] = [ranked, new Set(best)];
      draw();
    },
    /** @param {number} trial */
    choose(trial) {
      chosen = trial;
      draw();
    },
  };
}

/** @param {string} name @param {number | null | undefined} value */
export function written(name, value) {
  if (/return$|drawdown$|^volatility|^cagr/.test(name)) return percent(value, { digits: 1 });
  return number(value, Number.isInteger(value) ? 0 : 2);
}
