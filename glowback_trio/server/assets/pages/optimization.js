// One optimization: its trials as they end, what they show, and what the best of them is worth.
import { get, post } from "../core/api.js";
import { apiKey } from "../core/keys.js";
import { fill, h } from "../core/dom.js";
import { go } from "../core/navigation.js";
import { sayError } from "../core/notice.js";
import { StreamError, streamOptimization } from "/assets/glowback-stream.js";
import { headline } from "./search/headline.js";
import { ranking } from "./search/ranking.js";
import { lines, surface } from "./search/surface.js";
import { Trials } from "./search/trials.js";
import { validation } from "./search/validation.js";
import { stability, verdict } from "./search/verdict.js";
import { section } from "./forms/backtest.js";

const REDRAW_MS = 250,
  LEISURE = 4, // so much longer than drawing took nothing is drawn anew
  LOG_LINES = 200;

/** @typedef {import("../app.js").Place} Place */

/** @param {HTMLElement} root @param {Place} place */
export async function show(root, { params: { id }, query, signal }) {
  const path = `/optimizations/${encodeURIComponent(id)}`,
    status = await get(path, { signal });
  const attempt = Number(query.get("attempt")) || status.attempt,
    metric = status.objective_metric;
  const trials = new Trials(status.direction),
    found = /** @type {any[]} */ ([]),
    log = h("ol", { class: "f-log" });
  const run = async (/** @type {import("./search/trials.js").Trial} */ trial) => {
    try {
      go(`/ui/runs/${(await post(`${path}/trials/${trial.trial_number}/run`, undefined, { signal })).run_id}`);
    } catch (error) {
      sayError(error);
    }
  };
  const pick = (/** @type {import("./search/trials.js").Trial} */ { trial_number: number }) => {
    table.choose(number);
    map.mark(number);
    parallels.mark(number);
  };
  const top = headline({ path, status, attempt, signal }),
    table = ranking({ metric, pick, run });
  const map = surface(trials, metric, pick),
    parallels = lines(trials, metric),
    windows = validation(metric);
  const worth = h("div", {}, h("p", { class: "quiet" }, "This is known when the search has ended.")),
    steady = h("div", {});
  const held = section("Out of sample", windows.element);
  held.hidden = true;
  root.append(
    top.element,
    h(
      "div",
      { class: "f-stack" },
      section("Overfit statistics", worth),
      section("Ranking", table.element),
      section("Heat map", map.element),
      section("Parallel coordinates", parallels.element),
      held,
      section("Parameter stability", steady),
      section("Log", log),
    ),
  );

  let due = 0,
    pause = REDRAW_MS;
  signal.addEventListener("abort", () => clearTimeout(due));
  const redraw = () => {
    due ||= setTimeout(draw, pause);
  };
  function draw() {
    const began = performance.now();
    due = 0;
    table.update(trials.ranked());
    map.update();
    parallels.update();
    windows.update(found);
    held.hidden = found.length === 0;
    pause = Math.max(REDRAW_MS, LEISURE * (performance.now() - began));
  }
  /** @param {any} event */
  function take({ type, timestamp, payload }) {
    if (type === "trial") trials.add(payload);
    else if (type === "validation") found.push(payload);
    else if (type === "log" && log.children.length < LOG_LINES)
      log.append(
        h(
          "li",
          { class: payload.level === "info" ? "" : "warn" },
          h("time", { class: "quiet" }, timestamp.slice(11, 19)),
          ` ${payload.message}`,
        ),
      );
    top.take(type, payload);
    redraw();
  }
  async function finish() {
    fill(worth, h("p", { class: "quiet" }, "The findings are being read."));
    const result = await get(`${path}/results`, { signal });
    if (result.attempt !== attempt) {
      fill(worth, h("p", { class: "quiet" }, "This attempt was taken over by a newer one, which has the findings."));
      return;
    }
    fill(worth, verdict(result.diagnostics, result.best_trial?.metrics.sharpe_ratio));
    fill(steady, stability(result.diagnostics));
    result.all_trials.forEach((/** @type {any} */ trial) => trials.add(trial));
    windows.finish(result.validation.out_of_sample);
    const points = result.validation.out_of_sample?.equity_curve ?? [];
    if (points.length > 0) await (await import("./search/stitched.js")).stitched(windows.curve, points, signal);
    draw();
    table.update(trials.ranked(), result.front);
  }
  await follow(id, attempt, take, top, signal);
  if (!signal.aborted) await finish();
}

/**
 * Follow an attempt to its end.
 * @param {string} id @param {number} attempt @param {(event: any) => void} take
 * @param {{connection: (state: string) => void}} top @param {AbortSignal} signal
 */
async function follow(id, attempt, take, top, signal) {
  try {
    const onConnection = (/** @type {string} */ state) => top.connection(state);
    for await (const event of streamOptimization(location.origin, id, {
      attempt,
      apiKey: apiKey(),
      signal,
      onConnection,
    }))
      take(event);
    top.connection("complete");
  } catch (error) {
    if (signal.aborted) return;
    top.connection(error instanceof StreamError ? error.message : "cut");
  }
}
