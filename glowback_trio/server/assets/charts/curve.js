// Curves over time, one pane under the other, that can grow while they are looked at.

import { addZoom, chartFrame } from "./frame.js";
import { openChart } from "./lightweight.js";
import { LiveRows } from "./live_rows.js";
import { followWindow } from "./window.js";

/**
 * @typedef {import("./live_rows.js").Row} Row
 *
 * @typedef {object} Series
 * @property {string} name
 * @property {number} column Its place in a row, from 1; 0 is the time in seconds.
 * @property {"line" | "area" | "fall"} [kind] `fall` fills down from zero.
 * @property {() => string} colour Asked again when the scheme changes.
 *
 * @typedef {object} Pane
 * @property {Series[]} series
 * @property {number} [share] Of the height, in relation to the others; 1 if left out.
 * @property {(value: number) => string} format
 *
 * @typedef {object} Options
 * @property {string} title
 * @property {string} label What the chart shows, for those who cannot see it.
 * @property {Pane[]} panes
 * @property {AbortSignal} signal
 * @property {(seconds: number) => string} time Writes a time.
 * @property {boolean} [intraday]
 * @property {number[]} [watched] Columns whose extremes stay while the curve grows; those of the first pane if left out.
 * @property {(from: number, to: number, signal: AbortSignal) => Promise<import("./window.js").Loaded>} [load]
 */

const POINTS_PER_PIXEL = 4;
// Without a graphics processor, fills and wide lines of so many points take tens of milliseconds for each frame.
// A curve at rest is drawn only when somebody moves it.
const DENSE_POINTS = 700, DENSE_AT_REST = 2500;

/** The most points that a chart may have now. @param {HTMLElement} element */
export const mostPoints = (element) =>
  Math.max(400, Math.floor(POINTS_PER_PIXEL * (element.clientWidth || 800)));

/**
 * Draw curves into an element.
 * @param {HTMLElement} parent
 * @param {Options} options
 */
export async function curveChart(parent, options) {
  const { panes, signal } = options, { figure, canvas, readout, bar } = chartFrame(options.title, options.label);
  figure.classList.add(`panes-${panes.length}`);
  parent.append(figure);
  const { chart, charts } = await openChart(canvas, { signal, onLook: () => curve.paint(), intraday: options.intraday ?? false });
  const drawn = panes.flatMap((pane, place) => pane.series.map((of) => ({ of, pane, place, series: /** @type {any} */ (null) })));
  const curve = new Curve(chart, charts, drawn, canvas, options);
  chart.panes().forEach((/** @type {any} */ pane, /** @type {number} */ place) =>
    pane.setStretchFactor(panes[place]?.share ?? 1));
  addZoom(chart, bar, canvas, signal, () => curve.showAll());
  showValues(chart, drawn, readout, options);
  return curve;
}

const PLAIN = { priceLineVisible: false, lastValueVisible: true, crosshairMarkerRadius: 3 };

/** @typedef {{series: any, of: Series, pane: Pane, place: number}} Drawn A series on the chart, in the pane at a place. */

/** @param {any} charts @param {Series} of @param {boolean} dense */
const kindOf = (charts, { kind = "line" }, dense) =>
  dense ? charts.LineSeries : { line: charts.LineSeries, area: charts.AreaSeries, fall: charts.BaselineSeries }[kind];

/** @param {Series} of @param {boolean} dense */
function style({ kind = "line", colour }, dense) {
  const paint = colour();
  if (dense) return { color: paint, lineWidth: 1 };
  const faint = (/** @type {number} */ opacity) => paint.replace(/[\d.]+\)$/, `${opacity})`);
  if (kind === "line") return { color: paint, lineWidth: 2 };
  if (kind === "area") return { lineColor: paint, topColor: faint(0.25), bottomColor: faint(0.02), lineWidth: 2 };
  const below = { bottomLineColor: paint, bottomFillColor1: faint(0.05), bottomFillColor2: faint(0.3) };
  const above = { topLineColor: paint, topFillColor1: faint(0.3), topFillColor2: faint(0.05) };
  return { baseValue: { type: "price", price: 0 }, ...below, ...above, lineWidth: 1 };
}

/**
 * Write the values under the pointer, or the newest ones.
 * @param {any} chart @param {Drawn[]} drawn
 * @param {HTMLElement} readout @param {Options} options
 */
function showValues(chart, drawn, readout, { time }) {
  chart.subscribeCrosshairMove((/** @type {any} */ move) => {
    const written = drawn.flatMap(({ series, of, pane }) => {
      const value = move.seriesData.get(series)?.value;
      return value === undefined ? [] : [`${of.name} ${pane.format(value)}`];
    });
    readout.textContent = move.time === undefined ? "" : [time(move.time), ...written].join(" · ");
  });
}

/** A drawn chart and the rows in it. */
class Curve {
  /** @param {any} chart @param {any} charts @param {Drawn[]} drawn @param {HTMLElement} canvas @param {Options} options */
  constructor(chart, charts, drawn, canvas, options) {
    this.chart = chart;
    this.charts = charts;
    this.drawn = drawn;
    this.options = options;
    const watched = options.watched ?? options.panes[0]?.series.map(({ column }) => column) ?? [1];
    this.live = new LiveRows(mostPoints(canvas) / 2, watched);
    /** @type {boolean | null} */
    this.dense = null;
    this.adapt(false);
    /** @type {Row[]} */
    this.waiting = [];
    this.frame = 0;
    this.follows = true; // the newest rows, until somebody zooms
    this.stopFollowing = () => {};
    chart.timeScale().subscribeVisibleLogicalRangeChange(() => this.look());
    options.signal.addEventListener("abort", () => cancelAnimationFrame(this.frame), { once: true });
  }

  /** Draw many points as thin lines, and few of them as they were meant. @param {boolean} dense */
  adapt(dense) {
    if (dense === this.dense) return;
    this.dense = dense;
    const before = this.drawn.map(({ series }) => series).filter(Boolean);
    for (const each of this.drawn) {
      const formatted = { priceFormat: { type: "custom", minMove: 1e-6, formatter: each.pane.format } };
      each.series = this.chart.addSeries(kindOf(this.charts, each.of, dense), { ...style(each.of, dense), ...formatted, ...PLAIN }, each.place);
    }
    for (const series of before) this.chart.removeSeries(series); // after, since an empty pane goes away
  }

  /** Take the colours of the page's scheme. */
  paint() {
    for (const { series, of } of this.drawn) series.applyOptions(style(of, this.dense ?? false));
  }

  /** Find out whether all is seen: only then new rows are followed. */
  look() {
    const seen = this.chart.timeScale().getVisibleLogicalRange();
    this.follows = !seen || (seen.from <= 1 && seen.to >= this.shown - 2);
  }

  get shown() {
    return this.live.rows.length;
  }

  /** Show all rows that there are. */
  showAll() {
    this.follows = true;
    if (this.whole) this.show(this.whole.rows);
    this.chart.timeScale().fitContent();
  }

  /**
   * Replace all rows; with `load` among the options, zooming fetches what these leave out.
   * @param {import("./window.js").Loaded} whole
   */
  setWhole(whole) {
    cancelAnimationFrame(this.frame);
    this.frame = 0;
    this.waiting = [];
    this.stopFollowing();
    this.whole = whole;
    this.showAll();
    const { load, signal } = this.options;
    if (load && !whole.isFull)
      this.stopFollowing = followWindow(this.chart, { whole, load, signal, show: (rows) => this.show(rows) });
  }

  /** Scale the first pane by logarithms, or as it was. @param {boolean} on */
  setLogarithmic(on) {
    this.drawn[0]?.series.priceScale().applyOptions({ mode: on ? 1 : 0 });
  }

  /** @param {Row[]} rows */
  show(rows) {
    this.adapt(rows.length > (this.whole ? DENSE_AT_REST : DENSE_POINTS));
    for (const { series, of } of this.drawn) series.setData(rows.map((row) => point(row, of.column)));
  }

  /**
   * Add rows with later times; they are drawn with the next frame.
   * @param {Row[]} rows
   */
  append(rows) {
    for (const row of rows) this.waiting.push(row);
    if (this.frame === 0 && this.waiting.length > 0)
      this.frame = requestAnimationFrame(() => { this.frame = 0; this.draw(); });
  }

  /** Draw what waits: a few points at the end, or all of them where the rows were thinned. */
  draw() {
    const hadOpen = this.live.open.length > 0, added = [];
    let thinned = false;
    for (const row of this.waiting.splice(0)) {
      added.push(...(this.live.add(row) ?? []));
      if (this.live.isFull) {
        this.live.halve();
        thinned = true;
      }
    }
    const follows = this.follows;
    const turns = this.live.kept.length > DENSE_POINTS !== this.dense;
    if (thinned || turns || added.length > 200) this.show(this.live.rows);
    else this.drawEnd(hadOpen, added);
    if (follows) this.chart.timeScale().fitContent();
    this.follows = follows;
  }

  /** @param {boolean} hadOpen @param {Row[]} added */
  drawEnd(hadOpen, added) {
    const newest = this.live.open.at(-1), rows = newest ? [...added, newest] : added;
    for (const { series, of } of this.drawn) {
      if (hadOpen) series.pop(1);
      for (const row of rows) series.update(point(row, of.column));
    }
  }
}

/** @param {Row} row @param {number} column */
function point(row, column) {
  const time = row[0], value = row[column];
  return value === undefined || !Number.isFinite(value) ? { time } : { time, value };
}
