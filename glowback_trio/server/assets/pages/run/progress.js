// How far a run is, and how long it will take from here.
import { h } from "../../core/dom.js";
import { duration, number, percent } from "../../core/format.js";

const REMEMBERED = 30; // progress events whose speed counts

/** The bar of a run's progress, with the time left by the speed of the newest events. */
export class Progress {
  constructor() {
    this.bar = h("progress", { max: 1, value: 0, "aria-label": "Progress of the run" });
    this.text = h("span", { class: "quiet" }, "Waiting for its turn");
    this.element = h("p", { class: "run-progress" }, this.bar, this.text);
    /** @type {{at: number, progress: number}[]} */
    this.samples = [];
    /** @type {any} */
    this.newest = null;
  }

  /** @param {{timestamp: string, payload: any}} event */
  event({ timestamp, payload }) {
    this.newest = payload;
    this.samples.push({ at: Date.parse(timestamp), progress: payload.progress });
    if (this.samples.length > REMEMBERED) this.samples.shift();
  }

  /** Forget the speed so far: the run was paused, or has another pace. */
  forget() {
    this.samples = [];
  }

  /** Return the seconds that are left; null if that is not known yet. */
  secondsLeft() {
    const first = this.samples[0], last = this.samples.at(-1);
    if (!first || !last || last.progress <= first.progress || last.at <= first.at) return null;
    const speed = (last.progress - first.progress) / (last.at - first.at);
    return (1 - last.progress) / speed / 1000;
  }

  /** @param {boolean} paused */
  show(paused) {
    if (this.newest === null) return;
    const { progress, bar, bars, bar_time: time } = this.newest, left = this.secondsLeft();
    this.bar.value = progress;
    const rest = paused ? "paused" : left === null ? "" : `${duration(left)} left`;
    const parts = [percent(progress * 100, { digits: 0 }), `bar ${number(bar)} of ${number(bars)}`, time?.slice(0, 10), rest];
    this.text.textContent = parts.filter(Boolean).join(" · ");
  }
}
