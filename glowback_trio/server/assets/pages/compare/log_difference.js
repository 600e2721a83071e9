// The first event at which the logs of two runs part.
import { get } from "../../core/api.js";
import { fill, h } from "../../core/dom.js";
import { number } from "../../core/format.js";
import { sayError } from "../../core/notice.js";

/** @param {import("../compare.js").Compared[]} runs @param {AbortSignal} signal */
export function logDifference(runs, signal) {
  const choice = (/** @type {string} */ label, /** @type {number} */ chosen) => h("select", { "aria-label": label },
    runs.map(({ id, name }, place) => h("option", { value: id, selected: place === chosen }, name)));
  const one = choice("First run", 0), other = choice("Second run", 1), answer = h("div", { "aria-live": "polite" });
  const compare = h("button", { type: "button", class: "button" }, "Find where they part");
  compare.addEventListener("click", async () => {
    try {
      const found = await get(`/backtests/${one.value}/difference?with=${encodeURIComponent(other.value)}`, { signal });
      const names = [one, other].map((select) => select.selectedOptions[0]?.textContent ?? "");
      fill(answer, ...described(found, names));
    } catch (error) {
      sayError(error);
    }
  }, { signal });
  return h("div", {}, h("div", { class: "actions" }, one, " and ", other, compare), answer);
}

/** @param {any} found @param {string[]} names */
function described({ equal, events, at, events_there: there }, names) {
  if (equal) return [h("p", {}, `The logs are the same: ${number(events[0])} events each, without times and ids.`)];
  const before = at > 1 ? `The first ${number(at - 1)} events are the same. ` : "";
  const shown = there.map((/** @type {any} */ event, /** @type {number} */ place) => h("div", {}, h("h3", {}, names[place] ?? ""),
    event === null ? h("p", {}, `Its log has ended, after ${number(events[place])} events.`) : block(event, names[place] ?? "")));
  return [h("p", {}, `${before}The logs part at event ${number(at)}:`), h("div", { class: "side-by-side" }, ...shown)];
}

/** @param {any} event @param {string} name */
const block = ({ type, payload }, name) => h("pre", { class: "json", tabindex: 0, role: "group", "aria-label": `Event of ${name}` },
  JSON.stringify({ type, payload }, null, 2));
