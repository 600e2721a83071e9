// The log of a run in words: its messages, and the changes of its state.
import { h } from "../../core/dom.js";
import { number } from "../../core/format.js";

const MOST_LINES = 500; // more is a download

/** The newest lines of a log, oldest first; it stays at its end unless the reader has gone up. */
export class LogView {
  constructor() {
    this.lines = h("div", { class: "run-log", tabindex: 0, role: "log", "aria-live": "off", "aria-label": "Messages of the run" });
    this.left = h("p", { class: "quiet" });
    this.element = h("div", {}, this.left, this.lines);
    this.waiting = /** @type {HTMLElement[]} */ ([]);
    this.gone = 0;
  }

  /** @param {string} level @param {string} message @param {string} [when] */
  add(level, message, when = "") {
    this.waiting.push(h("p", { class: `level-${level}` }, h("time", {}, when.slice(11, 23)), h("b", {}, level), h("span", {}, message)));
  }

  /** @param {any} event */
  event({ type, timestamp, payload }) {
    if (type === "log") this.add(payload.level, payload.message, timestamp);
    else this.add(payload.state === "failed" ? "error" : "info", [payload.state, payload.error ?? payload.message].filter(Boolean).join(": "), timestamp);
  }

  show() {
    if (this.waiting.length === 0) return;
    const { lines } = this, atEnd = lines.scrollTop + lines.clientHeight >= lines.scrollHeight - 4;
    this.gone += Math.max(0, this.waiting.length - MOST_LINES);
    lines.append(...this.waiting.splice(0).slice(-MOST_LINES));
    while (lines.children.length > MOST_LINES) {
      lines.firstElementChild?.remove();
      this.gone += 1;
    }
    this.left.textContent = this.gone > 0 ? `${number(this.gone)} earlier lines are not shown; the events can be downloaded.` : "";
    if (atEnd) lines.scrollTop = lines.scrollHeight;
  }
}
