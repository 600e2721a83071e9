// Documents of the server as rows of charts: seconds, value, benchmark, minus drawdown, exposure.
import { get } from "../../core/api.js";

/** Places of the columns of a row. */
export const VALUE = 1, BENCHMARK = 2, FALL = 3, EXPOSURE = 4;

const CURVES = "equity_curve,benchmark_curve,exposures";

/** @param {string} instant */
export const seconds = (instant) => Date.parse(instant) / 1000;

/** @param {number} time @param {boolean} [withTime] */
export function written(time, withTime = false) {
  const iso = new Date(time * 1000).toISOString();
  return withTime ? `${iso.slice(0, 10)} ${iso.slice(11, 16)}` : iso.slice(0, 10);
}

/** Turn the payload of a `metric` event into a row. @param {any} payload */
export function metricRow({ timestamp, value, drawdown, positions }) {
  return [seconds(timestamp), value, NaN, 0 - drawdown, value > 0 ? (100 * positions) / value : NaN];
}

/** Turn the curves of a result into rows. @param {any} result */
export function resultRows({ equity_curve: equity, benchmark_curve: benchmark, exposures }) {
  const held = new Map(benchmark.map((/** @type {any} */ row) => [row.timestamp, row.value]));
  return equity.map((/** @type {any} */ row, /** @type {number} */ place) => [
    seconds(row.timestamp), row.value, held.get(row.timestamp) ?? NaN, 0 - row.drawdown,
    exposures[place]?.net_exposure_pct ?? NaN,
  ]);
}

/** A point in time as the server reads it. @param {number} time */
export const instant = (time) => new Date(time * 1000).toISOString();

/**
 * Get the curves of a run, or of a window of it, with at most so many points.
 *
 * A thinned answer may have fewer points than asked for, but never so few as a sixth.
 * @param {string} id @param {number} most @param {AbortSignal} signal @param {{from: number, to: number}} [window]
 */
export async function loadCurves(id, most, signal, window) {
  const query = new URLSearchParams({ include: CURVES, max_points: String(Math.min(100_000, most)) });
  if (window) {
    query.set("from", instant(window.from));
    query.set("to", instant(window.to));
  }
  const result = await get(`/backtests/${id}/results?${query}`, { signal });
  const rows = resultRows(result);
  return { result, rows, isFull: rows.length < most / 12 };
}
