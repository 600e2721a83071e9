// How far a run is, in words.
import { duration } from "./format.js";

/** @typedef {import("./changes.js").RunStatus} RunStatus */

const NAMES = /** @type {Record<string, string>} */ ({
  queued: "Queued", running: "Running", completed: "Completed", failed: "Failed", cancelled: "Cancelled", paused: "Paused",
});

/** Return whether a run has not ended. @param {RunStatus} run */
export const isActive = ({ state }) => state === "queued" || state === "running";

/** Return the state of a run, or `paused`, which the server counts beside it. @param {RunStatus} run */
export const stateOf = (run) => (run.paused && isActive(run) ? "paused" : run.state);

/** Return the name of a state. @param {string} state */
export const stateName = (state) => NAMES[state] ?? state;

/**
 * Return how long a run will go on if it goes on as it did since its start; null: nobody can say.
 * @param {RunStatus} run
 * @param {number} now by the clock of the server
 */
export function secondsLeft(run, now) {
  if (stateOf(run) !== "running" || !run.started_at || run.progress < 0.005) return null;
  const gone = (now - Date.parse(run.started_at)) / 1000;
  return gone < 1 ? null : Math.max(0, (gone * (1 - run.progress)) / run.progress);
}

/**
 * Return state and progress of a run as people read it.
 * @param {RunStatus} run
 * @param {number} now by the clock of the server
 */
export function progressText(run, now) {
  const state = stateOf(run), done = `${Math.floor(run.progress * 100)}%`;
  if (state === "paused") return `Paused at ${done}`;
  if (state !== "running") return stateName(state);
  const left = secondsLeft(run, now);
  return left === null ? done : `${done} · ${duration(left)} left`;
}
