// Up to ten runs side by side: curves, metrics, parameters, and where two logs part.
import { get } from "../core/api.js";
import { h } from "../core/dom.js";
import { note } from "../core/navigation.js";
import { sayError } from "../core/notice.js";
import { chooser } from "./compare/chooser.js";
import { compareCurves } from "./compare/curves.js";
import { logDifference } from "./compare/log_difference.js";
import { metricsSideBySide, parameterDifference } from "./compare/tables.js";
import { saveButton } from "./run/controls.js";
import { section } from "./run/sections.js";

export const MOST_RUNS = 10;

/**
 * @typedef {object} Compared
 * @property {string} id
 * @property {string} name
 * @property {any} status
 * @property {any} request
 * @property {Record<string, number | null> | null} metrics Null unless it has completed.
 */

/**
 * @param {HTMLElement} root
 * @param {import("../app.js").Place} place
 */
export async function show(root, { query, signal }) {
  const wanted = (query.get("runs") ?? "").split(",").map((id) => id.trim()).filter(Boolean);
  const ids = [...new Set(wanted)].slice(0, MOST_RUNS), choice = h("div", {}), body = h("div", { class: "sections" });
  root.append(h("h1", {}, "Compare runs"), choice, body);
  let drawn = new AbortController();
  const draw = async () => {
    drawn.abort();
    drawn = new AbortController();
    const until = AbortSignal.any([signal, drawn.signal]);
    note({ runs: ids.join(",") });
    const runs = await Promise.all(ids.map((id) => load(id, until)));
    choice.replaceChildren(chooser(runs, {
      signal: until,
      add: (id) => { ids.push(id); redraw(); },
      remove: (id) => { ids.splice(ids.indexOf(id), 1); redraw(); },
    }));
    body.replaceChildren(...(await sections(runs, until)));
  };
  const redraw = () => draw().catch((error) => signal.aborted || error.name === "AbortError" || sayError(error));
  await draw();
}

/** @param {string} id @param {AbortSignal} signal @returns {Promise<Compared>} */
async function load(id, signal) {
  const path = `/backtests/${encodeURIComponent(id)}`;
  const [status, request] = await Promise.all([get(path, { signal }), get(`${path}/request`, { signal })]);
  const isDone = status.state === "completed";
  const result = isDone ? await get(`${path}/results?include=metrics_summary`, { signal }) : null;
  const name = status.name || `${status.strategy} on ${status.symbols.slice(0, 3).join(", ")}`;
  return { id: status.run_id, name: `${name} (${status.run_id.slice(0, 8)})`, status, request, metrics: result?.metrics_summary ?? null };
}

/** @param {Compared[]} runs @param {AbortSignal} signal */
async function sections(runs, signal) {
  const done = runs.filter(({ metrics }) => metrics !== null);
  if (runs.length < 2) return [h("p", { class: "lead" }, "Choose two runs or more, up to ten: here, or with x in the list of runs.")];
  const curves = h("div", {}), made = [section("curves", "Curves", curves)];
  if (done.length > 0) compareCurves(curves, done, signal).catch((error) => signal.aborted || sayError(error));
  else curves.append(h("p", {}, "None of these runs has completed yet."));
  if (done.length > 0) made.push(section("metrics", "Metrics", metricsSideBySide(done)));
  made.push(section("parameters", "Parameters", parameterDifference(runs)), section("logs", "Logs", logDifference(runs, signal)));
  if (done.length > 1) {
    const query = `runs=${done.map(({ id }) => id).join(",")}`;
    made.push(section("report", "Report", h("div", { class: "links" }, ["html", "md", "json"].map((form) =>
      saveButton(form.toUpperCase(), `/reports/comparison.${form}?${query}`, `comparison.${form}`, signal)))));
  }
  return made;
}
