// Which runs are shown: what the reader asks for stands in the address of the page.
import { fill, h } from "../../core/dom.js";
import { note } from "../../core/navigation.js";
import { isActive, stateOf } from "../../core/progress.js";

/** @typedef {import("../../core/changes.js").RunStatus} RunStatus */

/** @type {[string, string][]} */
const STATES = [["", "All states"], ["active", "Active"], ["queued", "Queued"], ["running", "Running"], ["paused", "Paused"],
  ["completed", "Completed"], ["failed", "Failed"], ["cancelled", "Cancelled"]];

/**
 * Return the fields above the list, and what they ask for.
 * @param {URLSearchParams} query
 * @param {() => void} changed
 */
export function filters(query, changed) {
  const search = h("input", { type: "search", id: "search", placeholder: "Search  /", "aria-label": "Search runs", value: query.get("q") ?? "" });
  const [state, strategy, tag] = [choice("State"), choice("Strategy"), choice("Tag")];
  const none = h("button", { type: "button", class: "link", onclick: reset, hidden: true }, "Clear filters");
  const fields = { q: search, state, strategy, tag };
  options(state, STATES, query.get("state") ?? "");
  offer([], query.get("strategy") ?? "", query.get("tag") ?? "");

  /** Offer the strategies and tags that there are. @param {RunStatus[]} runs */
  function offer(runs, chosenStrategy = strategy.value, chosenTag = tag.value) {
    const strategies = names(runs.map((run) => run.strategy), chosenStrategy);
    const tags = names(runs.flatMap((run) => run.tags), chosenTag);
    options(strategy, [["", "All strategies"], ...strategies], chosenStrategy);
    options(tag, [["", "All tags"], ...tags], chosenTag);
    tag.hidden = tags.length === 0;
  }
  function edited() {
    note(Object.fromEntries(Object.entries(fields).map(([name, field]) => [name, field.value.trim()])));
    none.hidden = !isAsking();
    changed();
  }
  function reset() {
    for (const field of Object.values(fields)) field.value = "";
    edited();
    search.focus();
  }
  const isAsking = () => Object.values(fields).some((field) => field.value.trim() !== "");
  none.hidden = !isAsking();
  search.addEventListener("input", edited);
  for (const select of [state, strategy, tag]) select.addEventListener("change", edited);

  /** Return the runs that are asked for. @param {RunStatus[]} runs */
  function among(runs) {
    const words = search.value.toLowerCase().split(/\s+/).filter(Boolean);
    return runs.filter((run) => (!state.value || hasState(run, state.value)) && (!strategy.value || run.strategy === strategy.value)
      && (!tag.value || run.tags.includes(tag.value)) && words.every((word) => searched(run).includes(word) || run.run_id.startsWith(word)));
  }
  /** Show only the runs with a tag. @param {string} name */
  function onlyTag(name) {
    options(tag, [["", "All tags"], [name, name]], name);
    edited();
  }
  return { element: h("div", { class: "filters", role: "search" }, search, state, strategy, tag, none), search, offer, among, isAsking, reset, onlyTag };
}

/** @param {RunStatus} run @param {string} state */
function hasState(run, state) {
  return state === "active" ? isActive(run) : stateOf(run) === state;
}

/** @type {WeakMap<RunStatus, string>} */
const texts = new WeakMap();

/** Return all that a run is searched by, besides the beginning of its id. @param {RunStatus} run */
function searched(run) {
  let text = texts.get(run);
  if (text === undefined) {
    text = [run.name, run.strategy, ...run.symbols, ...run.tags, run.note].join("\n").toLowerCase();
    texts.set(run, text);
  }
  return text;
}

/** @param {string[]} given @param {string} chosen @returns {[string, string][]} */
function names(given, chosen) {
  const all = new Set(chosen ? [...given, chosen] : given);
  return [...all].sort().map((name) => [name, name]);
}

/** @param {string} name */
const choice = (name) => h("select", { "aria-label": name });

/** @param {HTMLSelectElement} select @param {[string, string][]} pairs @param {string} chosen */
function options(select, pairs, chosen) {
  const now = pairs.map(([value]) => value).join("\n");
  if (select.dataset.values !== now) {
    select.dataset.values = now;
    fill(select, pairs.map(([value, label]) => h("option", { value }, label)));
  }
  select.value = chosen;
}
