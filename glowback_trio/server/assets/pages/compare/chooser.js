// Which runs are compared: each can be taken out, and others be added.
import { get } from "../../core/api.js";
import { fill, h } from "../../core/dom.js";
import { age } from "../../core/format.js";
import { sayError } from "../../core/notice.js";
import { curveColour, onScheme } from "../../charts/colours.js";

const OFFERED = 100;

/**
 * @param {import("../compare.js").Compared[]} runs
 * @param {{signal: AbortSignal, add: (id: string) => void, remove: (id: string) => void}} actions
 */
export function chooser(runs, { signal, add, remove }) {
  const list = h("ul", { class: "runs-compared" }, runs.map((run, place) => h("li", {}, swatch(place, signal),
    h("a", { href: `/ui/runs/${run.id}` }, run.name), run.metrics ? "" : ` (${run.status.state})`, " ",
    h("button", { type: "button", class: "button small", "aria-label": `Take out ${run.name}`, onclick: () => remove(run.id) }, "×"))));
  const select = h("select", { "aria-label": "Run to add" }, h("option", { value: "" }, "Add a run…"));
  select.addEventListener("change", () => select.value && add(select.value), { signal });
  offer(select, runs, signal).catch((error) => signal.aborted || sayError(error));
  return h("div", {}, list, runs.length < 10 ? h("p", {}, select) : h("p", { class: "quiet" }, "Ten runs are the most that are compared."));
}

/**
 * Build the square in the colour of a run's curve.
 * @param {number} place @param {AbortSignal} signal
 */
export function swatch(place, signal) {
  const square = h("i", { class: "swatch", "aria-hidden": "true" });
  const paint = () => square.style.setProperty("background", curveColour(place));
  paint();
  onScheme(paint, signal);
  return square;
}

/** @param {HTMLSelectElement} select @param {import("../compare.js").Compared[]} runs @param {AbortSignal} signal */
async function offer(select, runs, signal) {
  const taken = new Set(runs.map(({ id }) => id));
  const all = await get(`/backtests?state=completed&limit=${OFFERED}`, { signal });
  const options = all.filter((/** @type {any} */ run) => !taken.has(run.run_id)).map((/** @type {any} */ run) =>
    h("option", { value: run.run_id }, `${run.name || run.strategy} · ${run.symbols.slice(0, 3).join(", ")} · ${age(run.created_at)} · ${run.run_id.slice(0, 8)}`));
  fill(select, h("option", { value: "" }, options.length > 0 ? "Add a run…" : "There are no other completed runs"), ...options);
}
