// A table of numbers as coloured cells: months and years of a run, or two parameters of a search.
import { svg } from "../core/dom.js";
import { figure } from "./figure.js";

/**
 * @typedef {object} HeatMap
 * @property {string} label what it shows, for those who do not see it
 * @property {string[]} rows
 * @property {string[]} columns
 * @property {(number | null)[][]} values row by row; null is an empty cell
 * @property {(value: number) => string} format
 * @property {string} [rowTitle]
 * @property {string} [columnTitle]
 * @property {boolean} [diverging] good and bad on both sides of 0; otherwise from the lowest to the highest
 * @property {[number, number] | null} [mark] row and column of a cell to point out
 * @property {(row: number, column: number) => void} [pick] called for a cell that is clicked, or on Enter
 */

const CHARACTER = 6.6, LABEL_HEIGHT = 22, NUMBER_PADDING = 8;
/** @type {Record<string, [number, number]>} */
const MOVES = { ArrowUp: [-1, 0], ArrowDown: [1, 0], ArrowLeft: [0, -1], ArrowRight: [0, 1] };

/**
 * Show a heat map. The arrow keys move from cell to cell, and what a cell holds is read out.
 * @param {HeatMap} options
 */
export function heatMap(options) {
  let at = /** @type {[number, number] | null} */ (null);
  return figure("heat-map", options, (shown, width, stage, readout) => {
    const frame = measure(shown, width), ring = svg("rect", { class: "ring", visibility: "hidden" });
    const chart = svg("svg", {
      width, height: frame.height, tabindex: 0, role: "application", "aria-roledescription": "heat map",
      "aria-label": `${shown.label}. Arrow keys move between cells.`,
    }, ...axisLabels(shown, frame), ...cells(shown, frame));
    if (shown.mark) chart.append(svg("rect", { class: "mark", ...frame.place(...shown.mark) }));
    chart.append(ring);

    /** @param {number} row @param {number} column */
    function point(row, column) {
      if (shown.rows.length === 0 || shown.columns.length === 0) return;
      at = [clamp(row, shown.rows.length), clamp(column, shown.columns.length)];
      for (const [name, value] of Object.entries(frame.place(...at))) ring.setAttribute(name, String(value));
      ring.setAttribute("visibility", "visible");
      const value = shown.values[at[0]]?.[at[1]] ?? null, { rowTitle = "", columnTitle = "" } = shown;
      const where = `${rowTitle} ${shown.rows[at[0]]}`.trim(), above = `${columnTitle} ${shown.columns[at[1]]}`.trim();
      readout.textContent = `${where}, ${above}: ${value === null ? "nothing" : shown.format(value)}`;
    }
    /** @param {MouseEvent} event @param {(row: number, column: number) => void} [use] */
    function under(event, use) {
      const { left, top } = chart.getBoundingClientRect();
      const row = Math.floor((event.clientY - top - frame.top) / frame.tall);
      const column = Math.floor((event.clientX - left - frame.left) / frame.cell);
      if (row === clamp(row, shown.rows.length) && column === clamp(column, shown.columns.length)) use?.(row, column);
    }
    chart.addEventListener("pointermove", (event) => under(event, point));
    chart.addEventListener("click", (event) => under(event, shown.pick));
    chart.addEventListener("focus", () => point(...(at ?? shown.mark ?? [0, 0])));
    chart.addEventListener("keydown", (event) => {
      const move = MOVES[event.key], [row, column] = at ?? [0, 0];
      if (!move && event.key !== "Enter") return;
      event.preventDefault();
      if (move) point(row + move[0], column + move[1]);
      else shown.pick?.(row, column);
    });
    const hadFocus = stage.contains(document.activeElement);
    stage.replaceChildren(chart);
    if (hadFocus) chart.focus();
  });
}

/** @param {number} index @param {number} count */
const clamp = (index, count) => Math.max(0, Math.min(count - 1, index));

/** @param {HeatMap} map @param {number} width */
function measure({ rows, columns, rowTitle, columnTitle }, width) {
  const longest = Math.max(1, ...rows.map((row) => row.length));
  const left = Math.min(width / 3, longest * CHARACTER + 10) + (rowTitle ? 18 : 0);
  const cell = Math.min(120, (width - left) / Math.max(1, columns.length));
  const tall = Math.max(14, Math.min(30, cell)), top = LABEL_HEIGHT + (columnTitle ? 16 : 0);
  const place = (/** @type {number} */ row, /** @type {number} */ column) => ({
    x: left + column * cell, y: top + row * tall, width: Math.max(1, cell - 1), height: tall - 1, rx: 2 });
  return { width, left, top, cell, tall, height: top + rows.length * tall + 1, place };
}

/** @param {HeatMap} map @param {ReturnType<typeof measure>} frame */
function cells({ values, format, diverging }, { cell, tall, place }) {
  const numbers = values.flat().filter((value) => value !== null);
  const [low, high] = numbers.reduce(([a, b], value) => [Math.min(a, value), Math.max(b, value)], [Infinity, -Infinity]);
  const most = Math.max(Math.abs(low), Math.abs(high)) || 1;
  const fits = numbers.every((value) => format(value).length * CHARACTER + NUMBER_PADDING <= cell);
  return values.flatMap((line, row) => line.flatMap((value, column) => {
    if (value === null) return [];
    const side = !diverging ? "level" : value < 0 ? "bad" : "good", spot = place(row, column);
    const strength = diverging ? Math.abs(value) / most : (value - low) / (high - low || 1);
    const box = svg("rect", { class: `cell ${side}`, ...spot });
    box.style.setProperty("--strength", `${Math.round(strength * 100)}%`);
    return fits ? [box, svg("text", { class: "number", x: spot.x + cell / 2, y: spot.y + tall / 2 }, format(value))] : [box];
  }));
}

/** @param {HeatMap} map @param {ReturnType<typeof measure>} frame */
function axisLabels({ rows, columns, rowTitle, columnTitle }, { width, left, top, cell, tall, height }) {
  const longest = Math.max(1, ...columns.map((column) => column.length)) * CHARACTER + 6;
  const every = Math.max(1, Math.ceil(longest / cell)), middle = (top + height) / 2;
  const labels = columns.flatMap((column, i) => (i % every ? [] : [svg("text", {
    class: "column", x: Math.min(left + (i + 0.5) * cell, width - longest / 2), y: top - 7 }, column)]));
  labels.push(...rows.map((row, i) => svg("text", { class: "row", x: left - 6, y: top + (i + 0.5) * tall }, row)));
  if (columnTitle) labels.push(svg("text", { class: "title", x: left + (columns.length * cell) / 2, y: 11 }, columnTitle));
  if (rowTitle) labels.push(svg("text", { class: "title", x: 10, y: middle, transform: `rotate(-90 10 ${middle})` }, rowTitle));
  return labels;
}
