// Many trials as lines over parallel axes: one axis for each parameter, the last for what is sought.
import { svg } from "../core/dom.js";
import { figure } from "./figure.js";

/**
 * @typedef {{name: string, format?: (value: number) => string}} Axis
 * @typedef {{id: number, values: (number | string | null)[], score: number | null}} Line score: 0 (worst) to 1 (best)
 * @typedef {{line: Line, parts: (number | null)[]}} Placed parts: 0 (bottom) to 1 (top), by axis
 * @typedef {object} Parallel
 * @property {string} label what it shows, for those who do not see it
 * @property {Axis[]} axes
 * @property {Line[]} lines
 * @property {number | null} [marked] id of the line to point out
 */

const TOP = 34, BOTTOM = 22, HEIGHT = 300, SIDE = 46, NARROWEST = 84, FLOOR = HEIGHT - BOTTOM, STEP = 0.05;

/** @param {number} part */
const y = (part) => FLOOR - part * (FLOOR - TOP);

/**
 * Show lines over parallel axes. What is drawn along an axis, or set on it by the arrow keys, limits the lines shown.
 * @param {Parallel} options
 */
export function parallel(options) {
  const limits = /** @type {Map<string, [number, number]>} */ (new Map());
  return figure("parallel", options, ({ axes, lines, label, marked }, width, stage, readout) => {
    const focused = document.activeElement?.getAttribute("data-axis");
    const wide = Math.max(width, axes.length * NARROWEST), canvas = document.createElement("canvas");
    const scales = axes.map((_, i) => scaled(lines.map((line) => line.values[i])));
    const x = (/** @type {number} */ i) => SIDE + (i * (wide - 2 * SIDE)) / Math.max(1, axes.length - 1);
    const placed = lines.map((line) => ({ line, parts: line.values.map((value, i) => scales[i].part(value)) }));
    placed.sort((a, b) => (a.line.score ?? -1) - (b.line.score ?? -1)); // the best are drawn last
    function paint() {
      const kept = placed.filter(({ parts }) => axes.every(({ name }, i) => within(parts[i], limits.get(name))));
      paintLines(canvas, wide, kept, x, marked ?? null);
      const by = limits.size ? `, limited by ${[...limits.keys()].join(" and ")}` : "";
      readout.textContent = `${kept.length} of ${placed.length} trials${by}`;
    }
    const groups = axes.map((axis, i) => axisOf(axis, scales[i], x(i), limits, paint));
    stage.replaceChildren(canvas, svg("svg", { width: wide, height: HEIGHT, role: "group", "aria-label": label }, ...groups));
    groups.find((group) => group.getAttribute("data-axis") === focused)?.focus();
    paint();
  });
}

/** @param {number | null} part @param {[number, number]} [limit] */
const within = (part, limit) => !limit || (part !== null && part >= limit[0] - 1e-9 && part <= limit[1] + 1e-9);

/** Return where values lie on an axis: numbers by size, texts by name. @param {(number | string | null)[]} values */
function scaled(values) {
  const known = values.filter((value) => value !== null);
  if (known.some((value) => typeof value === "string")) {
    const names = [...new Set(known.map(String))].sort(), last = Math.max(1, names.length - 1);
    return { part: (/** @type {any} */ value) => (value === null ? null : names.indexOf(String(value)) / last),
      at: (/** @type {number} */ part) => names[Math.round(part * last)] };
  }
  const [low, high] = known.map(Number).reduce(([a, b], v) => [Math.min(a, v), Math.max(b, v)], [Infinity, -Infinity]);
  return { part: (/** @type {any} */ value) => (value === null ? null : high > low ? (value - low) / (high - low) : 0.5),
    at: (/** @type {number} */ part) => (known.length ? low + part * (high - low) : "") };
}

/** @param {Axis} axis @param {any} scale @param {number} x @param {Map<string, [number, number]>} limits @param {() => void} paint */
function axisOf({ name, format = (value) => String(Number(value.toPrecision(4))) }, scale, x, limits, paint) {
  const written = (/** @type {number} */ part) => { const v = scale.at(part); return typeof v === "number" ? format(v) : v; };
  const window = svg("rect", { class: "window", x: x - 7, width: 14, rx: 3 });
  const group = svg("g", { class: "axis", tabindex: 0, role: "slider", "data-axis": name, "aria-valuemin": 0,
    "aria-valuemax": 100, "aria-label": `${name}: the arrow keys move the lower limit, with Shift the upper one; Escape takes them away` },
    svg("title", {}, name), svg("rect", { class: "grip", x: x - 18, y: TOP, width: 36, height: FLOOR - TOP }),
    svg("line", { x1: x, x2: x, y1: y(0), y2: y(1) }), window,
    svg("text", { class: "title", x, y: 12 }, name.length > 14 ? `${name.slice(0, 13)}…` : name),
    svg("text", { x, y: TOP - 8 }, written(1)), svg("text", { x, y: HEIGHT - 6 }, written(0)));
  /** @param {number} from @param {number} to */
  function limit(from, to) {
    const [low, high] = [Math.max(0, from), Math.min(1, to)], limited = low > 0 || high < 1;
    if (limited) limits.set(name, [low, high]);
    else limits.delete(name);
    const changed = { y: y(high), height: y(low) - y(high), visibility: limited ? "visible" : "hidden" };
    for (const [key, value] of Object.entries(changed)) window.setAttribute(key, String(value));
    group.setAttribute("aria-valuenow", String(Math.round(low * 100)));
    group.setAttribute("aria-valuetext", `${written(low)} to ${written(high)}`);
  }
  limit(...(limits.get(name) ?? [0, 1]));
  group.addEventListener("keydown", (event) => {
    const way = { ArrowUp: STEP, ArrowDown: -STEP, Escape: 0 }[event.key], [low, high] = limits.get(name) ?? [0, 1];
    if (way === undefined) return;
    event.preventDefault();
    if (way === 0) limit(0, 1);
    else if (event.shiftKey) limit(low, Math.max(low, high + way));
    else limit(Math.min(high, low + way), high);
    paint();
  });
  group.addEventListener("pointerdown", (event) => {
    const { top } = window.ownerSVGElement?.getBoundingClientRect() ?? { top: 0 };
    const part = (/** @type {PointerEvent} */ { clientY }) => Math.max(0, Math.min(1, (FLOOR - clientY + top) / (FLOOR - TOP)));
    const from = part(event), ended = new AbortController();
    const drag = (/** @type {PointerEvent} */ moved) => {
      const to = part(moved);
      if (Math.abs(to - from) < STEP / 2) limit(0, 1);
      else limit(Math.min(from, to), Math.max(from, to));
      paint();
    };
    group.setPointerCapture(event.pointerId);
    group.addEventListener("pointermove", drag, ended);
    group.addEventListener("pointerup", (moved) => { drag(moved); ended.abort(); }, ended);
  });
  return group;
}

/** @param {HTMLCanvasElement} canvas @param {number} width @param {Placed[]} placed @param {(i: number) => number} x @param {number | null} marked */
function paintLines(canvas, width, placed, x, marked) {
  const fine = devicePixelRatio || 1, brush = /** @type {CanvasRenderingContext2D} */ (canvas.getContext("2d"));
  [canvas.width, canvas.height] = [width * fine, HEIGHT * fine];
  Object.assign(canvas.style, { width: `${width}px`, height: `${HEIGHT}px` });
  brush.scale(fine, fine);
  const style = getComputedStyle(canvas), count = placed.length; // the more lines, the fainter all but the best
  for (const { line, parts } of [...placed, ...placed.filter((one) => one.line.id === marked)]) {
    const colour = line.id === marked ? "--ink" : line.score === null ? "--quiet" : "--accent";
    brush.strokeStyle = style.getPropertyValue(colour);
    [brush.globalAlpha, brush.lineWidth] = line.id === marked ? [1, 2.5]
      : [Math.min(0.06, 20 / count) + 0.6 * (line.score ?? 0) ** (3 + count / 500), 1.2];
    brush.beginPath();
    parts.forEach((part, i) => { if (part !== null) brush.lineTo(x(i), y(part)); });
    brush.stroke();
  }
}
