// The equity stitched from what was held out.
import { colour } from "../../charts/colours.js";
import { curveChart } from "../../charts/curve.js";
import { date, number } from "../../core/format.js";

/** @param {HTMLElement} parent @param {{timestamp: string, value: number}[]} points @param {AbortSignal} signal */
export async function stitched(parent, points, signal) {
  if (points.length === 0) return;
  const time = (/** @type {number} */ seconds) => date(new Date(seconds * 1000).toISOString());
  const chart = await curveChart(parent, {
    title: "Equity out of sample",
    label: "Equity stitched from what was held out",
    signal,
    time,
    panes: [
      {
        series: [{ name: "Equity", column: 1, kind: "area", colour: () => colour("accent") }],
        format: (value) => number(value),
      },
    ],
  });
  chart.setWhole({ rows: points.map(({ timestamp, value }) => [Date.parse(timestamp) / 1000, value]), isFull: true });
}
