// What is known about the stream of a run, in one sentence that is always true.
import { h } from "../../core/dom.js";
import { number } from "../../core/format.js";

const KINDS = { waiting: "quiet", behind: "warn", live: "good", cut: "warn", whole: "good", bad: "bad" };

/** @typedef {keyof typeof KINDS} Kind */

/** The line that tells how the stream of a run stands: connecting, behind, live, cut, whole. */
export class StreamState {
  constructor() {
    this.text = h("span", {});
    this.count = h("span", { class: "quiet", "aria-hidden": "true" });
    this.element = h("p", { class: "run-stream", "data-stream": "waiting" }, h("span", { role: "status" }, this.text), " ", this.count);
    this.cuts = 0;
    this.stood = false;
    this.seen = 0;
    /** @type {Kind} */
    this.kind = "waiting";
    /** @type {number | null} how many events there were when the connection stood */
    this.target = null;
    this.tell("waiting", "Connecting to the stream of events…");
  }

  /** @param {Kind} kind @param {string} sentence */
  tell(kind, sentence) {
    this.kind = kind;
    this.element.dataset["stream"] = kind;
    this.element.className = `run-stream ${KINDS[kind]}`;
    if (this.text.textContent !== sentence) this.text.textContent = sentence;
  }

  /** Take note that a connection broke. */
  cut() {
    this.target = null;
    if (!this.stood) return this.tell("cut", "The stream cannot be reached. Connecting again…");
    if (this.kind !== "cut") this.cuts += 1;
    this.tell("cut", `The stream was cut after event ${number(this.seen)}. Connecting again…`);
  }

  /** Take note of how far the log had got when the connection stood. @param {number} events */
  aim(events) {
    if (this.kind === "whole" || this.kind === "bad") return; // the end came first
    this.target = events;
    this.stood = true;
    if (this.seen < events) this.tell("behind", `Catching up with ${number(events)} events…`);
    this.arrived();
  }

  /** Take note of an event. @param {number} id */
  event(id) {
    this.seen = id;
    if (this.kind === "behind" && this.target !== null && id >= this.target) this.arrived();
  }

  arrived() {
    if (this.target === null || this.seen < this.target) return;
    this.tell("live", this.cuts === 0 ? "Live." : `Live again: caught up after ${times(this.cuts)}, and nothing is missing.`);
  }

  /** Show the number of events; called once per frame at most. */
  show() {
    this.count.textContent = this.seen > 0 && this.kind !== "whole" ? `event ${number(this.seen)}` : "";
  }

  /** Say that the whole log is here. @param {number} events @param {boolean} withDigest */
  whole(events, withDigest) {
    this.seen = events;
    const checked = withDigest ? "their order, number and digest are right" : "their order and number are right";
    const why = withDigest ? "" : " (the digest can be checked on https and localhost only)";
    this.tell("whole", `Complete: all ${number(events)} events are here; ${checked}${why}.`);
    this.count.textContent = "";
  }

  /** @param {unknown} error */
  failed(error) {
    this.tell("bad", `The stream cannot go on: ${error instanceof Error ? error.message : String(error)}.`);
  }
}

/** @param {number} cuts */
const times = (cuts) => (cuts === 1 ? "a cut" : `${number(cuts)} cuts`);
