// All runs of this server, kept current while they are looked at.
import { known, runs, watchChanges } from "../core/changes.js";
import { fill, h } from "../core/dom.js";
import { number } from "../core/format.js";
import { showMenu } from "../core/menu.js";
import { go, note } from "../core/navigation.js";
import { isActive } from "../core/progress.js";
import { addShortcuts } from "../core/shortcuts.js";
import { table } from "../core/table.js";
import { compare, editLabels, remove, steer } from "./runs/actions.js";
import { columns } from "./runs/columns.js";
import { filters } from "./runs/filters.js";

/** @typedef {import("../core/changes.js").RunStatus} RunStatus */

const TICK_MS = 1000; // what is left and how old a run is go on without any change

/**
 * @param {HTMLElement} root
 * @param {import("../app.js").Place} place
 */
export async function show(root, { query, signal }) {
  /** @type {Set<string>} */
  const chosen = new Set();
  /** @type {RunStatus[]} */
  let shown = [];
  const asked = filters(query, draw);
  const count = h("span", { class: "quiet count", role: "status" }, "Reading the runs…");
  const bulk = h("div", { class: "bulk", role: "group", "aria-label": "Chosen runs", hidden: true });
  const nothing = h("div", { class: "card nothing", hidden: true });

  /** @param {RunStatus} run */
  const open = (run) => go(`/ui/runs/${encodeURIComponent(run.run_id)}`);
  /** @param {RunStatus} run @param {boolean} isChosen */
  const choose = (run, isChosen) => { isChosen ? chosen.add(run.run_id) : chosen.delete(run.run_id); mark(); };
  /** @param {boolean} all */
  const chooseAll = (all) => { for (const run of shown) all ? chosen.add(run.run_id) : chosen.delete(run.run_id); mark(); };
  /** @param {RunStatus} run */
  const isChosen = (run) => chosen.has(run.run_id);
  const list = table({
    label: "Runs", kind: "runs", signal, open, key: (run) => run.run_id, rowClass: (run) => (isChosen(run) ? "chosen" : ""),
    columns: columns({ isChosen, choose, chooseAll, onlyTag: (tag) => asked.onlyTag(tag), menu: (run, button) => showMenu(button, actions(run)) }),
    order: orderOf(query.get("sort")), onOrder: (order) => note({ sort: order && `${order.descending ? "-" : ""}${order.column.toLowerCase()}` }),
  });
  root.append(h("div", { class: "fitted" }, h("div", { class: "head" }, h("h1", {}, "Runs"), count), asked.element, nothing, list.element, bulk));

  function draw() {
    if (!known.isRead) return;
    const all = newestFirst([...runs.values()]);
    shown = asked.among(all);
    asked.offer(all);
    const some = shown.length === all.length ? "" : `${number(shown.length)} of `, newest = known.more ? "newest " : "";
    count.textContent = `${some}${number(all.length)} ${newest}${all.length === 1 ? "run" : "runs"}`;
    list.element.hidden = shown.length === 0;
    nothing.hidden = shown.length !== 0;
    if (all.length === 0) fill(nothing, h("p", {}, "There are no runs yet."), h("a", { class: "button primary", href: "/ui/new" }, "Begin a run"));
    else if (shown.length === 0) fill(nothing, h("p", {}, "No run is as you ask."), h("button", { type: "button", class: "button", onclick: asked.reset }, "Clear filters"));
    for (const id of chosen) if (!runs.has(id)) chosen.delete(id);
    list.setRows(shown);
    mark();
  }
  const chosenRuns = () => [...chosen].map((id) => runs.get(id)).filter((run) => run !== undefined);

  function mark() {
    bulk.hidden = chosen.size === 0;
    const state = chosenRuns().map((run) => `${isActive(run)} ${run.paused}`).join();
    if (bulk.dataset.state !== state) fill(bulk, bar());
    bulk.dataset.state = state;
    list.refresh();
  }
  /** The buttons for what is chosen. */
  function bar() {
    const these = chosenRuns(), going = these.filter(isActive);
    /** @param {string} label @param {boolean} can @param {() => void} act @param {string} [kind] */
    const button = (label, can, act, kind = "") => h("button", { type: "button", class: `button small ${kind}`, disabled: !can, onclick: act }, label);
    return [h("strong", {}, `${these.length} chosen`),
      button("Compare", these.length > 1, () => compare([...chosen]), "primary"),
      button("Pause", going.some((run) => !run.paused), () => steer("pause", chosenRuns())),
      button("Resume", going.some((run) => run.paused), () => steer("resume", chosenRuns())),
      button("Cancel", going.length > 0, () => steer("cancel", chosenRuns())),
      button("Delete", true, () => remove(chosenRuns()), "danger"),
      h("button", { type: "button", class: "link", onclick: () => { chosen.clear(); mark(); } }, "Choose none")];
  }
  /** @param {RunStatus} run */
  function actions(run) {
    const again = `/ui/new?from=${encodeURIComponent(run.run_id)}`;
    const items = [{ label: "Open", act: () => open(run) }, { label: "Run again with changes", act: () => go(again) },
      { label: "Name, tags, note…", act: () => void editLabels(run) }];
    if (isActive(run)) items.push(
      run.paused ? { label: "Resume", act: () => void steer("resume", [run]) } : { label: "Pause", act: () => void steer("pause", [run]) },
      { label: "Cancel", act: () => void steer("cancel", [run]) });
    return [...items, { label: "Delete…", act: () => void remove([run]), kind: "bad" }];
  }

  /** @param {(run: RunStatus) => void} act */
  const onActive = (act) => () => { const run = list.active(); if (run) act(run); };
  /** @param {number} by */
  const step = (by) => () => { list.element.focus(); list.move(by); };
  addShortcuts({
    "/": { says: "search", act: () => asked.search.select() },
    j: { says: "to the next run", act: step(1) },
    k: { says: "to the run before", act: step(-1) },
    o: { says: "open the run (also Enter)", act: onActive(open) },
    x: { says: "choose the run, or not", act: onActive((run) => choose(run, !isChosen(run))) },
    c: { says: "compare the chosen runs", act: () => compare([...chosen]) },
    p: { says: "pause or resume the run", act: onActive((run) => void steer(run.paused ? "resume" : "pause", [run])) },
    e: { says: "edit name, tags and note", act: onActive((run) => void editLabels(run)) },
  }, signal);
  watchChanges(draw, signal);
  const tick = setInterval(list.refresh, TICK_MS);
  signal.addEventListener("abort", () => clearInterval(tick));
}

/** @param {RunStatus[]} all */
function newestFirst(all) {
  return all.sort((a, b) => (a.created_at < b.created_at ? 1 : a.created_at > b.created_at ? -1 : 0));
}

/** Return the order that an address asks for, such as `-sharpe`. @param {string | null} sort */
function orderOf(sort) {
  if (!sort) return null;
  const name = sort.replace("-", "");
  return { column: `${name.slice(0, 1).toUpperCase()}${name.slice(1)}`, descending: sort.startsWith("-") };
}
