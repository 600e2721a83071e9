// Prices as candles, with marks for what was ordered and filled.
import { colour } from "./colours.js";
import { addZoom, chartFrame } from "./frame.js";
import { openChart } from "./lightweight.js";
import { followWindow } from "./window.js";

/**
 * @typedef {[number, number, number, number, number]} Candle Seconds, open, high, low, close.
 *
 * @typedef {object} Mark
 * @property {number} time Seconds.
 * @property {"buy" | "sell" | "order" | "refused"} kind
 * @property {number} [price] Where it stands; beside the candle if left out.
 *
 * @typedef {object} CandleOptions
 * @property {string} title
 * @property {string} label
 * @property {AbortSignal} signal
 * @property {boolean} intraday
 * @property {(seconds: number) => string} time
 * @property {(value: number) => string} format
 * @property {Node[]} [tools]
 * @property {(from: number, to: number, signal: AbortSignal) => Promise<import("./window.js").Loaded>} load
 */

const MOST_MARKS = 400, MANY_MARKS = 80;

/** The most candles that can be told apart. @param {HTMLElement} element */
export const mostCandles = (element) => Math.max(150, Math.floor((element.clientWidth || 800) / 2));

/**
 * Draw an empty chart of candles into an element.
 * @param {HTMLElement} parent @param {CandleOptions} options
 */
export async function candleChart(parent, options) {
  const { signal, intraday, tools = [] } = options;
  const { figure, canvas, readout, bar } = chartFrame(options.title, options.label, ...tools);
  parent.append(figure);
  const { chart, charts } = await openChart(canvas, { signal, intraday, onLook: () => candles.paint() });
  const series = chart.addSeries(charts.CandlestickSeries, {
    priceLineVisible: false, priceFormat: { type: "custom", minMove: 1e-6, formatter: options.format },
  });
  const candles = new Candles(chart, series, charts.createSeriesMarkers(series, []), readout, options);
  candles.paint();
  addZoom(chart, bar, canvas, signal, () => candles.showAll());
  return candles;
}

/** A drawn chart of candles, and what is marked on it. */
class Candles {
  /** @param {any} chart @param {any} series @param {any} markers @param {HTMLElement} readout @param {CandleOptions} options */
  constructor(chart, series, markers, readout, options) {
    this.chart = chart;
    this.series = series;
    this.markers = markers;
    this.options = options;
    /** @type {import("./window.js").Loaded} */
    this.whole = { rows: [], isFull: true };
    /** @type {number[][]} */
    this.shown = [];
    /** @type {Mark[]} by time */
    this.marks = [];
    this.until = Infinity;
    this.stop = () => {};
    this.note = readout;
    chart.subscribeCrosshairMove((/** @type {any} */ move) => this.read(move));
  }

  paint() {
    const up = colour("good"), down = colour("bad");
    this.series.applyOptions({ upColor: up, wickUpColor: up, borderUpColor: up, downColor: down, wickDownColor: down, borderDownColor: down });
    this.drawMarks();
  }

  /** Show other prices. @param {import("./window.js").Loaded} whole */
  setWhole(whole) {
    this.stop();
    this.whole = whole;
    this.showAll();
    const { load, signal } = this.options, show = (/** @type {number[][]} */ rows) => this.show(rows);
    if (!whole.isFull) this.stop = followWindow(this.chart, { whole, load, signal, show });
  }

  showAll() {
    this.show(this.whole.rows);
    this.chart.timeScale().fitContent();
  }

  /** @param {number[][]} rows */
  show(rows) {
    this.shown = rows.filter(([time = 0]) => time <= this.until);
    this.series.setData(this.shown.map(([time, open, high, low, close]) => ({ time, open, high, low, close })));
    this.drawMarks();
  }

  /** Show no price later than this; the run has not got any further. @param {number} time */
  showUntil(time) {
    const before = this.shown.length;
    this.until = time;
    if (this.whole.rows.filter(([at = 0]) => at <= time).length !== before) this.showAll();
  }

  /** @param {Mark[]} marks by time */
  setMarks(marks) {
    this.marks = marks;
    this.drawMarks();
  }

  drawMarks() {
    const placed = this.placed(), many = placed.length > MANY_MARKS;
    const drawn = placed.length > MOST_MARKS ? [] : placed;
    this.markers.setMarkers(drawn.map((mark) => shape(mark, many)));
    this.hidden = placed.length - drawn.length;
    this.note.textContent = this.rest;
  }

  /** What is written when the pointer is elsewhere. */
  get rest() {
    return this.hidden ? `${this.hidden.toLocaleString("en-US")} marks: zoom in to see them` : "";
  }

  /** Marks at their candles, those of one kind and candle together. */
  placed() {
    const first = this.shown[0]?.[0] ?? Infinity;
    /** @type {Map<string, Mark & {count: number}>} */
    const found = new Map();
    let place = 0;
    for (const mark of this.marks) {
      if (mark.time < first || mark.time > this.until) continue;
      while ((this.shown[place + 1]?.[0] ?? Infinity) <= mark.time) place += 1;
      const key = `${place} ${mark.kind} ${mark.price ?? ""}`, same = found.get(key);
      if (same) same.count += 1;
      else found.set(key, { ...mark, time: this.shown[place]?.[0] ?? mark.time, count: 1 });
    }
    return [...found.values()];
  }

  /** @param {any} move */
  read(move) {
    const bar = move.seriesData.get(this.series), { time, format } = this.options;
    if (!bar) this.note.textContent = this.rest;
    else this.note.textContent = `${time(move.time)} · open ${format(bar.open)} · high ${format(bar.high)} · low ${format(bar.low)} · close ${format(bar.close)}`;
  }
}

const SHAPES = /** @type {const} */ ({
  buy: ["arrowUp", "belowBar", "good"], sell: ["arrowDown", "aboveBar", "bad"],
  order: ["circle", "aboveBar", "accent"], refused: ["square", "aboveBar", "warn"],
});

/** @param {Mark & {count: number}} mark @param {boolean} many */
function shape({ time, kind, price, count }, many) {
  const [form, position, paint] = SHAPES[kind];
  const where = price === undefined ? { position } : { position: "atPriceMiddle", price };
  return { time, shape: form, ...where, color: colour(paint), size: many ? 0.6 : 1, text: count > 1 && !many ? `×${count}` : "" };
}
