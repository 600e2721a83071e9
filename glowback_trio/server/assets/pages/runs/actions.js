// What can be done with runs, and how the list learns of it at once.
import { del, patch, post } from "../../core/api.js";
import { dropRun, takeRun } from "../../core/changes.js";
import { ask, confirmed } from "../../core/dialog.js";
import { h } from "../../core/dom.js";
import { go } from "../../core/navigation.js";
import { say, sayError } from "../../core/notice.js";
import { isActive } from "../../core/progress.js";

/** @typedef {import("../../core/changes.js").RunStatus} RunStatus */

export const MOST_COMPARED = 10;

/** Return what a run is called: its name, else the beginning of its id. @param {RunStatus} run */
export const title = (run) => run.name || run.run_id.slice(0, 8);

/**
 * Cancel, pause or resume those of some runs that have not ended.
 * @param {"cancel" | "pause" | "resume"} verb
 * @param {RunStatus[]} runs
 */
export async function steer(verb, runs) {
  const steered = runs.filter((run) => isActive(run) && (verb === "cancel" || run.paused === (verb === "resume")));
  if (steered.length === 0) say(`None of these runs can be ${{ cancel: "cancelled", pause: "paused", resume: "resumed" }[verb]}.`);
  await each(steered, async (run) => takeRun(await post(`/backtests/${run.run_id}/${verb}`)));
}

/** @param {RunStatus[]} runs @returns {Promise<boolean>} whether they were deleted */
export async function remove(runs) {
  const what = runs.length === 1 ? `the run ${title(runs[0])}` : `${runs.length} runs`;
  const going = runs.some(isActive) ? " What is still going is cancelled first." : "";
  if (!(await confirmed(`Delete ${what}?`, `Events and results are deleted with it.${going} This cannot be undone.`, "Delete"))) return false;
  await each(runs, async (run) => {
    await del(`/backtests/${run.run_id}`);
    dropRun(run.run_id);
  });
  return true;
}

/** Show some runs side by side. @param {string[]} ids */
export function compare(ids) {
  if (ids.length < 2) say("Choose two runs or more, then compare them.");
  else if (ids.length > MOST_COMPARED) say(`At most ${MOST_COMPARED} runs can be compared; ${ids.length} are chosen.`);
  else go(`/ui/compare?runs=${ids.map(encodeURIComponent).join(",")}`);
}

/** Edit name, tags and note of a run. @param {RunStatus} run */
export async function editLabels(run) {
  const name = h("input", { id: "label-name", value: run.name });
  const tags = h("input", { id: "label-tags", value: run.tags.join(", "), placeholder: "trend, candidate" });
  const text = h("textarea", { id: "label-note", rows: 4 }, run.note);
  const body = [h("label", { for: "label-name" }, "Name"), name, h("label", { for: "label-tags" }, "Tags, with commas between them"), tags,
    h("label", { for: "label-note" }, "Note"), text];
  if ((await ask(`Labels of ${title(run)}`, body, [{ value: "save", label: "Save", kind: "primary" }])) === null) return;
  const listed = tags.value.split(",").map((tag) => tag.trim()).filter(Boolean);
  const changes = { name: name.value.trim(), tags: [...new Set(listed)], note: text.value };
  await each([run], async () => takeRun(await patch(`/backtests/${run.run_id}`, changes)));
}

/**
 * Do something with one run after the other, and say what failed.
 * @param {RunStatus[]} runs
 * @param {(run: RunStatus) => Promise<void>} act
 */
async function each(runs, act) {
  for (const run of runs)
    try {
      await act(run);
    } catch (error) {
      sayError(error);
    }
}
