// What an optimization is and how far it is, with the buttons that steer it.
import { del, download, get, post } from "../../core/api.js";
import { confirmed } from "../../core/dialog.js";
import { fill, h } from "../../core/dom.js";
import { age, dateTime, duration, number } from "../../core/format.js";
import { go } from "../../core/navigation.js";
import { sayError } from "../../core/notice.js";
import { shown } from "./trials.js";

/**
 * Show the head of an optimization's page.
 * @param {{path: string, status: any, attempt: number, signal: AbortSignal}} options
 */
export function headline({ path, status: first, attempt, signal }) {
  let status = first,
    offered = "",
    begun = Date.parse(first.started_at ?? first.created_at);
  const facts = h("dl", { class: "f-facts" }),
    actions = h("div", { class: "links" }),
    line = h("p", { class: "quiet", role: "status" });
  const bar = h("progress", { max: 1, value: 0, "aria-label": "Progress" }),
    best = h("p", {}),
    error = h("p", { class: "problem" });
  const act = (/** @type {string} */ label, /** @type {() => Promise<any>} */ work, kind = "") =>
    h("button", { type: "button", class: `button ${kind}`, onclick: () => work().catch(sayError) }, label);
  const steer = (/** @type {string} */ verb) => async () => {
    status = await post(`${path}/${verb}`, undefined, { signal });
    draw();
  };
  async function remove() {
    if (!(await confirmed("Delete this optimization?", "Its trials and its result are gone then.", "Delete"))) return;
    await del(path, { signal });
    go("/ui/optimizations");
  }
  async function again() {
    await steer("resume")();
    go(`${location.pathname}?attempt=${status.attempt}`);
  }
  function draw() {
    const { state, paused, trials_completed: done, trials_failed: failed, max_trials: most, progress } = status,
      ended = ["completed", "failed", "cancelled"].includes(state);
    bar.value = progress;
    bar.hidden = ended;
    const left =
      progress > 0.02 && !ended && !paused ? duration(((Date.now() - begun) / 1000 / progress) * (1 - progress)) : null;
    fill(
      facts,
      fact("State", paused && !ended ? "paused" : state),
      fact("Trials", `${number(done)} of ${number(most)}`),
      failed > 0 && fact("Failed", number(failed)),
      fact("Method", status.strategy),
      fact("Objective", `${status.direction} ${status.objective_metric}`),
      left && fact("Time left", left),
      fact("Age", h("time", { title: dateTime(status.created_at) }, age(status.created_at))),
    );
    const { best_trial: top } = status;
    fill(
      best,
      top
        ? [
            h("b", {}, `Best: trial ${top.trial_number}, ${number(top.objective, 4)} `),
            h(
              "span",
              { class: "quiet" },
              Object.entries(top.parameters)
                .map(([name, value]) => `${name} ${shown(value)}`)
                .join(", "),
            ),
          ]
        : "",
    );
    fill(error, status.error ?? "");
    const wanted = `${state} ${paused}`;
    if (wanted === offered) return; // buttons stay while progress is told: somebody may be about to press one
    offered = wanted;
    fill(
      actions,
      !ended && !paused && act("Pause", steer("pause")),
      !ended && paused && act("Go on", steer("resume"), "primary"),
      !ended && act("Cancel", steer("cancel")),
      ["failed", "cancelled"].includes(state) && act("Resume", again, "primary"),
      h(
        "a",
        { class: "button", href: `/ui/optimizations/new?from=${first.optimization_id}` },
        "Search again, with changes",
      ),
      ended && act("Report", () => download(`${path}/report.html`, `${first.name}.html`, { signal })),
      act("Trials as CSV", () => download(`${path}/trials.csv`, "trials.csv", { signal })),
      ended && act("Delete", remove, "danger"),
    );
  }
  const refresh = () =>
    get(path, { signal }).then((now) => {
      status = now;
      draw();
    });
  draw();
  const attempts =
    status.attempt > 1 &&
    h(
      "nav",
      { class: "links", "aria-label": "Attempts" },
      h("span", { class: "quiet" }, "Attempt"),
      Array.from({ length: status.attempt }, (_, i) =>
        h(
          "a",
          { href: `${location.pathname}?attempt=${i + 1}`, "aria-current": i + 1 === attempt ? "true" : null },
          String(i + 1),
        ),
      ),
    );
  return {
    element: h(
      "div",
      {},
      h("div", { class: "f-row f-head" }, h("h1", {}, first.name), actions),
      h("div", { class: "card f-stack tight" }, facts, bar, best, error, attempts, line),
    ),
    /** @param {string} type @param {any} payload */
    take(type, payload) {
      if (attempt !== status.attempt) return;
      if (type === "progress") status = { ...status, ...payload };
      else if (type === "best") status = { ...status, best_trial: payload };
      else if (type === "state") {
        if (payload.state === "running") begun = Date.now();
        status = { ...status, state: payload.state, error: payload.error ?? status.error };
        if (payload.digest) refresh().catch(sayError);
      } else return;
      draw();
    },
    /** @param {string} state */
    connection(state) {
      line.textContent =
        {
          open: "Connected: trials are shown as they end.",
          cut: "The connection is cut; it is tried again.",
          complete: "The log is complete.",
        }[state] ?? state;
    },
  };
}

/** @param {string} name @param {import("../../core/dom.js").Children} value */
const fact = (name, value) => h("div", {}, h("dt", {}, name), h("dd", {}, value));
