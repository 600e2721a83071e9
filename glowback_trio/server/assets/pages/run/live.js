// A run as it goes on: every event of its log goes to the parts of the page that show it.
import { get } from "../../core/api.js";
import { apiKey } from "../../core/keys.js";
import { streamRun } from "/assets/glowback-stream.js";
import { FALL, metricRow, seconds } from "./rows.js";

/**
 * @typedef {object} Parts
 * @property {any} account
 * @property {import("./price.js").Prices} prices
 * @property {import("./progress.js").Progress} progress
 * @property {import("./log_view.js").LogView} log
 * @property {import("./fills.js").FillTable} fills
 * @property {import("./sections.js").Headline} headline
 * @property {HTMLElement} contents Links to the sections.
 * @property {import("./stream_state.js").StreamState} stream
 */

/** Shows events with the next frame, however many come until then. */
export class Live {
  /**
   * @param {{id: string, request: any, signal: AbortSignal}} of
   * @param {Parts} parts
   * @param {() => any} status
   */
  constructor({ id, request, signal }, parts, status) {
    this.id = id;
    this.request = request;
    this.signal = signal;
    this.parts = parts;
    this.status = status;
    this.frame = 0;
    /** @type {number[][]} */
    this.rows = [];
    /** @type {number[] | null} */
    this.newest = null;
    this.filled = 0;
    this.marked = 0;
    this.isLive = true; // false: only what is known of the stream is shown
    this.onEvent = (/** @type {any} */ _event) => {};
    signal.addEventListener("abort", () => cancelAnimationFrame(this.frame), { once: true });
  }

  /**
   * Read the log to its end, over as many connections as that takes.
   * @returns {Promise<any>} Its terminal event.
   */
  async follow() {
    const { stream } = this.parts, { signal, id } = this;
    const onConnection = (/** @type {"open" | "cut"} */ what) => (what === "cut" ? stream.cut() : this.aim());
    let last = null;
    try {
      for await (const event of streamRun(location.origin, id, { signal, apiKey: apiKey(), onConnection })) {
        this.take(event);
        last = event;
      }
    } catch (error) {
      if (!signal.aborted) stream.failed(error);
      throw error;
    }
    stream.whole(last.event_id, Boolean(globalThis.crypto?.subtle));
    return last;
  }

  /** Ask how long the log is, to know when the stream has caught up. */
  async aim() {
    try {
      this.parts.stream.aim((await get(`/backtests/${this.id}`, { signal: this.signal })).event_count);
    } catch {
      // The stream itself says what is wrong with the connection.
    }
  }

  /** @param {any} event */
  take(event) {
    const { parts } = this, { type, payload } = event;
    parts.stream.event(event.event_id);
    this.frame ||= requestAnimationFrame((now) => { this.frame = 0; this.show(now); });
    if (!this.isLive) return;
    this.onEvent(event);
    if (type !== "state" && type !== "log") parts.prices.open(); // the run has read its bars, so there are some
    if (type === "metric") {
      this.newest = metricRow(payload);
      this.rows.push(this.newest);
      parts.headline.deepest = Math.max(parts.headline.deepest, -(this.newest[FALL] ?? 0));
    } else if (type === "trade") {
      this.filled += 1;
      parts.fills.add(payload);
      parts.prices.fill(payload);
    } else if (type === "order") parts.prices.order(payload);
    else if (type === "progress") parts.progress.event(event);
    else if (type === "log" || type === "state") parts.log.event(event);
  }

  /** @param {number} now */
  show(now) {
    const { parts, newest } = this, { progress } = parts;
    parts.stream.show();
    if (!this.isLive) return;
    if (this.rows.length > 0) parts.account?.append(this.rows.splice(0));
    if (newest) parts.headline.live(newest, this.request.initial_capital, this.filled);
    progress.show(this.status().paused);
    parts.log.show();
    parts.fills.show();
    if (now - this.marked < 250) return; // marks are many, and drawn anew
    this.marked = now;
    if (progress.newest?.bar_time) parts.prices.chart?.showUntil(seconds(progress.newest.bar_time));
    parts.prices.mark();
  }

  /** Draw what has come since the last frame, and let the prices be seen to their end. */
  finish() {
    cancelAnimationFrame(this.frame);
    this.frame = 0;
    this.marked = -Infinity;
    this.show(performance.now());
    this.parts.prices.chart?.showUntil(Infinity);
  }
}
