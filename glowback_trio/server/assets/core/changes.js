// What runs and optimizations there are, for all pages: read as lists once, then kept current by one stream.
import { get, pages } from "./api.js";
import { byId } from "./dom.js";
import { apiKey, askForKey } from "./keys.js";
import { say } from "./notice.js";
import { StreamError, streamChanges } from "/assets/glowback-stream.js";

/**
 * The status of a run, as the server sends it.
 * @typedef {{ run_id: string, state: string, progress: number, created_at: string, started_at: string | null, finished_at: string | null,
 *   error: string | null, strategy: string, symbols: string[], event_count: number, paused: boolean, name: string, tags: string[], note: string,
 *   metrics?: { total_return: number | null, sharpe_ratio: number | null, max_drawdown: number | null, num_trades: number | null } | null,
 *   pace_bars_per_s?: number | null }} RunStatus
 */
/** @typedef {{ optimization_id: string, state: string, [field: string]: any }} OptimizationStatus */
/** @typedef {"opening" | "live" | "cut" | "refused"} Connection */

const FIRST = 200, LIST = 200, MOST = 10_000;

/** @type {Map<string, RunStatus>} */
export let runs = new Map();
/** @type {Map<string, OptimizationStatus>} */
export let optimizations = new Map();
/** What is known of the lists: `more` is whether the server has runs that are older than all here. */
export const known = { isRead: false, more: false, connection: /** @type {Connection} */ ("opening") };

/** @type {Set<() => void>} */
const watchers = new Set();
/** The ids of what has changed while lists are read: a list may be older than a change. @type {Set<string> | null} */
let touched = null;
let started = false, clockAhead = 0, frame = 0, epoch = "";

/** Return the time by the clock of the server, in milliseconds since 1970. */
export const serverNow = () => Date.now() - clockAhead;

/**
 * Call a function soon after every change, and once now if there is something, until a signal is aborted.
 * @param {() => void} watcher
 * @param {AbortSignal} signal
 */
export function watchChanges(watcher, signal) {
  watchers.add(watcher);
  signal.addEventListener("abort", () => watchers.delete(watcher));
  if (known.isRead) watcher();
  if (started) return;
  started = true;
  follow().catch((error) => {
    started = false;
    connect("refused");
    say(error.message, "bad");
  });
}

/**
 * Take a status that a response had, which the stream may bring later.
 * @param {RunStatus} run
 */
export function takeRun(run) {
  touched?.add(run.run_id);
  runs.set(run.run_id, run);
  tell();
}

/** @param {string} runId */
export function dropRun(runId) {
  touched?.add(runId);
  runs.delete(runId);
  tell();
}

async function follow() {
  // Shown at once; it also asks for the key, which the stream needs as well.
  for (const run of await get(`/backtests?limit=${FIRST}`)) runs.set(run.run_id, run);
  known.isRead = true;
  tell();
  for (;;) {
    const key = apiKey();
    try {
      for await (const change of streamChanges(location.origin, { apiKey: key, onConnection: connected })) take(change);
    } catch (error) {
      if (!(error instanceof StreamError && error.message.startsWith("401") && (await askForKey(key)))) throw error;
    }
  }
}

/** @param {{ type: string, timestamp?: string, payload: any }} change */
function take({ type, timestamp, payload }) {
  if (type === "reset") {
    if (timestamp) clockAhead = Date.now() - Date.parse(timestamp);
    if (epoch && epoch !== payload.epoch) say("The server has been started again. The lists are read anew.");
    epoch = payload.epoch;
    readAll();
  } else if (type === "run") takeRun(payload);
  else if (type === "run_deleted") dropRun(payload.run_id);
  else {
    const id = payload.optimization_id;
    touched?.add(id);
    if (type === "optimization") optimizations.set(id, payload);
    else optimizations.delete(id);
  }
  tell();
}

/** Read the lists; what changes meanwhile is newer than they are. */
async function readAll() {
  const mine = (touched = new Set());
  try {
    const [newRuns, newOptimizations] = [new Map(), new Map()];
    known.more = await read("/backtests", "run_id", newRuns, mine);
    await read("/optimizations", "optimization_id", newOptimizations, mine);
    if (touched !== mine) return; // another reset has come
    for (const id of mine) {
      const run = runs.get(id), optimization = optimizations.get(id);
      if (run) newRuns.set(id, run);
      if (optimization) newOptimizations.set(id, optimization);
    }
    [runs, optimizations, touched] = [newRuns, newOptimizations, null];
    known.isRead = true;
    tell();
  } catch (error) {
    if (touched === mine) setTimeout(() => touched === mine && readAll(), 2000);
  }
}

/**
 * Read a list into a map, newest first; return whether there are more.
 * @param {string} path
 * @param {string} name of the id
 * @param {Map<string, any>} into
 * @param {Set<string>} besides
 */
async function read(path, name, into, besides) {
  for await (const page of pages(`${path}?limit=${LIST}`)) {
    for (const each of page) if (!besides.has(each[name])) into.set(each[name], each);
    if (into.size >= MOST) return true;
  }
  return false;
}

/** @param {"open" | "cut"} state */
function connected(state) {
  connect(state === "open" ? "live" : "cut");
}

/** @type {Record<Connection, string>} */
const WORDS = { opening: "", live: "Live", cut: "Connection lost, trying again", refused: "Not connected" };

/** @param {Connection} state */
function connect(state) {
  known.connection = state;
  const place = byId("connection");
  place.textContent = WORDS[state];
  place.classList.toggle("lost", state !== "live");
  tell();
}

function tell() {
  // Once per frame: a page in the background draws nothing, and catches up when it is looked at.
  frame ||= requestAnimationFrame(() => {
    frame = 0;
    for (const watcher of watchers) watcher();
  });
}
