// The columns of the list of runs.
import { serverNow } from "../../core/changes.js";
import { h } from "../../core/dom.js";
import { age, dateTime, number, percent } from "../../core/format.js";
import { isActive, progressText, secondsLeft, stateOf } from "../../core/progress.js";
import { title } from "./actions.js";

/** @typedef {import("../../core/changes.js").RunStatus} RunStatus */
/** @typedef {import("../../core/table.js").Column<RunStatus>} RunColumn */

const STATES = ["running", "paused", "queued", "failed", "cancelled", "completed"];

/**
 * @param {{ isChosen: (run: RunStatus) => boolean, choose: (run: RunStatus, chosen: boolean) => void, chooseAll: (chosen: boolean) => void,
 *   onlyTag: (tag: string) => void, menu: (run: RunStatus, button: HTMLElement) => void }} acts
 * @returns {RunColumn[]}
 */
export function columns({ isChosen, choose, chooseAll, onlyTag, menu }) {
  /** @param {Event} event */
  const isChecked = (event) => /** @type {HTMLInputElement} */ (event.target).checked;
  const all = h("input", { type: "checkbox", "aria-label": "Choose all runs shown", onchange: (/** @type {Event} */ event) => chooseAll(isChecked(event)) });
  return [
    {
      name: "Choose", width: "2rem", kind: "choose", head: all,
      text: (run) => `${run.run_id} ${isChosen(run)}`,
      cell: (run) => h("input", { type: "checkbox", "aria-label": `Choose ${title(run)}`, checked: isChosen(run),
        onchange: (/** @type {Event} */ event) => choose(run, isChecked(event)) }),
    },
    {
      name: "Run", width: "minmax(11rem, 2.2fr)", kind: "name",
      text: (run) => [run.run_id, run.name, ...run.tags].join("\n"),
      value: (run) => title(run).toLowerCase(),
      cell: (run) => [h("a", { href: `/ui/runs/${encodeURIComponent(run.run_id)}`, title: run.run_id, class: run.name ? "" : "unnamed" }, title(run)),
        ...run.tags.map((tag) => h("button", { type: "button", class: "tag", title: `Only runs tagged ${tag}`, onclick: () => onlyTag(tag) }, tag))],
    },
    { name: "State", width: "minmax(9.5rem, 1.2fr)", kind: "state-cell", text: stateText, cell: stateCell, value: (run) => STATES.indexOf(stateOf(run)) },
    { name: "Strategy", width: "minmax(7rem, 1.2fr)", kind: "strategy", text: (run) => run.strategy, value: (run) => run.strategy },
    { name: "Symbols", width: "minmax(5rem, 1fr)", kind: "symbols", text: (run) => run.symbols.join(", "), value: (run) => run.symbols.join() },
    metric("Return", "total_return", "5.5rem", (value) => percent(value, { signed: true })),
    metric("Sharpe", "sharpe_ratio", "4.5rem", (value) => number(value, 2)),
    metric("Drawdown", "max_drawdown", "5.5rem", (value) => percent(value)),
    { name: "Age", width: "4.5rem", kind: "age", isNumber: true, text: (run) => age(run.created_at, serverNow()), value: (run) => Date.parse(run.created_at),
      cell: (run) => h("time", { datetime: run.created_at, title: dateTime(run.created_at) }, age(run.created_at, serverNow())) },
    { name: "Actions", width: "2.5rem", kind: "more", head: h("span", { class: "hidden" }, "Actions"),
      text: (run) => `${run.run_id} ${run.state} ${run.paused}`,
      cell: (run) => h("button", { type: "button", class: "dots", "aria-haspopup": "menu", "aria-expanded": "false", "aria-label": `Actions for ${title(run)}`,
        onclick: (/** @type {Event} */ event) => menu(run, /** @type {HTMLElement} */ (event.currentTarget)) }, "⋯") },
  ];
}

/**
 * @param {string} name
 * @param {"total_return" | "sharpe_ratio" | "max_drawdown"} key
 * @param {string} width
 * @param {(value: number | null | undefined) => string} written
 * @returns {RunColumn}
 */
function metric(name, key, width, written) {
  /** @param {RunStatus} run */
  const value = (run) => run.metrics?.[key] ?? null;
  /** @param {RunStatus} run */
  const cell = (run) => {
    const figure = value(run), isReturn = key === "total_return" && figure !== null && figure !== 0;
    return h("span", { class: isReturn ? (figure > 0 ? "good" : "bad") : "" }, written(figure));
  };
  return { name, width, isNumber: true, kind: key, text: (run) => written(value(run)), value, cell };
}

/** @param {RunStatus} run */
const stateText = (run) => `${stateOf(run)} ${progressText(run, serverNow())} ${Math.round(run.progress * 200)} ${run.error ?? ""}`;

/** @param {RunStatus} run */
function stateCell(run) {
  const state = stateOf(run), left = secondsLeft(run, serverNow());
  const words = h("span", { class: `state ${state}`, title: run.error ?? (left === null ? false : "if it goes on as it did so far") }, progressText(run, serverNow()));
  if (!isActive(run) || state === "queued") return words;
  return [words, h("progress", { max: 1, value: run.progress, "aria-label": `Progress of ${title(run)}` })];
}
