// What can be done to a run: pause, pace, cancel, delete, run again.
import { del, download, post } from "../../core/api.js";
import { confirmed } from "../../core/dialog.js";
import { h } from "../../core/dom.js";
import { go } from "../../core/navigation.js";
import { sayError } from "../../core/notice.js";
import { addShortcuts } from "../../core/shortcuts.js";

const PACES = [1, 5, 20, 100, 500, 2000, 10000];

export const ENDED = ["completed", "failed", "cancelled"];

/** The buttons of a run, which follow its status. */
export class Controls {
  /**
   * @param {string} id
   * @param {AbortSignal} signal
   * @param {(status: any) => void} changed Told each status that the server answers.
   */
  constructor(id, signal, changed) {
    this.id = id;
    this.changed = changed;
    this.pause = button("Pause", () => this.send(this.paused ? "resume" : "pause"));
    this.cancel = button("Cancel", () => this.askToCancel(), "danger");
    this.remove = button("Delete", () => this.askToDelete(), "danger");
    this.pace = h("select", { "aria-label": "Pace in bars per second" });
    this.pace.addEventListener("change", () => this.setPace(), { signal });
    this.speed = h("label", { class: "pace" }, "Pace ", this.pace);
    const again = h("a", { class: "button", href: `/ui/new?from=${encodeURIComponent(id)}` }, "Run again with changes");
    const compare = h("a", { class: "button", href: `/ui/compare?runs=${encodeURIComponent(id)}` }, "Compare");
    this.element = h("div", { class: "actions", role: "group", "aria-label": "What to do with this run" },
      this.pause, this.speed, this.cancel, again, compare, this.remove);
    this.paused = false;
    addShortcuts({ p: { says: "pause or resume this run", act: () => this.pause.hidden || this.pause.click() } }, signal);
  }

  /** @param {any} status */
  show(status) {
    const ended = ENDED.includes(status.state);
    this.paused = status.paused;
    this.pause.textContent = status.paused ? "Resume" : "Pause";
    this.pause.hidden = this.cancel.hidden = ended;
    this.speed.hidden = ended || !("pace_bars_per_s" in status);
    this.remove.hidden = !ended;
    this.showPace(status.pace_bars_per_s ?? null);
  }

  /** @param {number | null} pace */
  showPace(pace) {
    const paces = pace === null || PACES.includes(pace) ? PACES : [...PACES, pace].sort((a, b) => a - b);
    const names = paces.map((each) => h("option", { value: each }, `${each.toLocaleString("en-US")} bars/s`));
    this.pace.replaceChildren(h("option", { value: "" }, "as fast as possible"), ...names);
    this.pace.value = pace === null ? "" : String(pace);
  }

  /** @param {string} what @param {any} [body] */
  async send(what, body) {
    try {
      this.changed(await post(`/backtests/${this.id}/${what}`, body));
    } catch (error) {
      sayError(error);
    }
  }

  setPace() {
    return this.send("pace", { bars_per_s: this.pace.value === "" ? null : Number(this.pace.value) });
  }

  async askToCancel() {
    const sentence = "What it has computed so far stays in its log; there will be no result.";
    if (await confirmed("Cancel this run?", sentence, "Cancel the run")) await this.send("cancel");
  }

  async askToDelete() {
    if (!(await confirmed("Delete this run?", "Its log and its result go with it, for everybody.", "Delete the run"))) return;
    try {
      await del(`/backtests/${this.id}`);
      go("/");
    } catch (error) {
      sayError(error);
    }
  }
}

/** @param {string} text @param {() => void} act @param {string} [kind] */
function button(text, act, kind = "") {
  const made = h("button", { type: "button", class: `button ${kind}` }, text);
  made.addEventListener("click", act);
  return made;
}

/**
 * Build a button that saves a file of the run.
 * @param {string} text @param {string} path @param {string} name @param {AbortSignal} signal
 */
export function saveButton(text, path, name, signal) {
  const save = button(text, async () => {
    save.disabled = true;
    await download(path, name, { signal }).catch(sayError);
    save.disabled = false;
  });
  return save;
}
