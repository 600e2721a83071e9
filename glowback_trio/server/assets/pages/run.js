// The page of a run: live while it goes on, and its result after the end.
import { get } from "../core/api.js";
import { h } from "../core/dom.js";
import { date } from "../core/format.js";
import { sayError } from "../core/notice.js";
import { Controls, ENDED } from "./run/controls.js";
import { accountChart } from "./run/curves.js";
import { FillTable } from "./run/fills.js";
import { LogView } from "./run/log_view.js";
import { Prices } from "./run/price.js";
import { Progress } from "./run/progress.js";
import { Headline, section } from "./run/sections.js";
import { StreamState } from "./run/stream_state.js";

/**
 * @param {HTMLElement} root
 * @param {import("../app.js").Place} place
 */
export async function show(root, { params, signal }) {
  const id = encodeURIComponent(params["id"] ?? "");
  const [status, request] = await Promise.all([get(`/backtests/${id}`, { signal }), get(`/backtests/${id}/request`, { signal })]);
  const page = new RunPage(root, { id, request, signal }, status);
  page.run().catch((error) => signal.aborted || sayError(error));
}

/** Everything on the page, and the status that it shows. */
class RunPage {
  /** @param {HTMLElement} root @param {{id: string, request: any, signal: AbortSignal}} of @param {any} status */
  constructor(root, of, status) {
    this.of = of;
    this.status = status;
    this.controls = new Controls(of.id, of.signal, (changed) => this.take(changed));
    this.badge = h("span", { class: "run-state" });
    this.problem = h("p", { class: "problem", role: "alert", hidden: true });
    this.heading = h("h1", {}, status.name || `${status.strategy} on ${some(status.symbols)}`, " ", this.badge);
    const progress = new Progress(), log = new LogView(), fills = new FillTable(of.signal);
    /** @type {import("./run/live.js").Parts} */
    this.parts = { account: null, prices: new Prices(of), progress, log, fills, headline: new Headline(), contents: h("div", {}), stream: new StreamState() };
    this.account = h("div", {});
    this.rest = h("div", { class: "sections" });
    root.append(this.heading, facts(status, of.request), this.controls.element, this.problem, this.parts.stream.element,
      progress.element, this.parts.headline.element, this.parts.contents, h("div", { class: "sections" },
        section("account", "Equity", this.account), this.parts.prices.element,
        section("fills", "Trades", fills.element)), this.rest, h("div", { class: "sections" }, section("log", "Log", log.element)));
    this.take(status);
  }

  /** Show a status of the run. @param {any} status */
  take(status) {
    if (status.paused !== this.status.paused) this.parts.progress.forget();
    this.status = status;
    const text = status.paused && !ENDED.includes(status.state) ? "paused" : status.state;
    this.badge.textContent = text;
    this.badge.className = `run-state ${text}`;
    this.controls.show(status);
    this.problem.hidden = !status.error;
    this.problem.textContent = status.error ?? "";
    this.parts.progress.element.hidden = ENDED.includes(status.state);
    this.parts.progress.show(status.paused);
    document.title = `${text} · ${status.name || status.strategy} · GlowBack Trio`;
  }

  async run() {
    const { parts, of } = this;
    parts.account = await accountChart(this.account, of);
    if (this.status.state === "completed") await Promise.all([parts.prices.open(), this.showFinished()]);
    else await this.follow();
  }

  async follow() {
    const { of, parts } = this;
    const [changes, { Live }] = await Promise.all([import("../core/changes.js"), import("./run/live.js")]);
    of.signal.throwIfAborted();
    // A pause or a pace is no event of the log, and may come from somebody else.
    changes.watchChanges(() => {
      const known = changes.runs.get(this.status.run_id);
      if (known && !ENDED.includes(this.status.state)) this.take(known);
    }, of.signal);
    const live = new Live(of, parts, () => this.status);
    live.onEvent = ({ type, payload }) => type === "state" && this.changed(payload);
    const last = await live.follow();
    live.finish();
    this.take(await get(`/backtests/${of.id}`, { signal: of.signal }));
    if (last.payload.state === "completed") await this.showResult();
  }

  /** @param {any} payload of an event of type `state` */
  changed({ state, error = null }) {
    this.take({ ...this.status, state, error });
  }

  /** Show the result; the log is read only if somebody wants to see it verified. */
  async showFinished() {
    const { of, parts, status } = this, { stream } = parts;
    stream.seen = status.event_count;
    stream.tell("waiting", `The log has ${status.event_count.toLocaleString("en-US")} events.`);
    const verify = h("button", { type: "button", class: "button small" }, "Receive and verify them");
    verify.addEventListener("click", () => { verify.remove(); this.verify().catch(() => {}); }, { signal: of.signal });
    stream.element.append(verify);
    await this.showResult();
  }

  async showResult() {
    const { showResult } = await import("./result/result.js");
    await showResult(this.rest, this.of, this.parts);
  }

  async verify() {
    const { of, parts } = this;
    parts.stream.tell("waiting", "Connecting to the stream of events…");
    const { Live } = await import("./run/live.js");
    const live = new Live(of, parts, () => this.status);
    live.isLive = false;
    await live.follow();
  }
}

/** @param {string[]} symbols */
const some = (symbols) => (symbols.length > 4 ? `${symbols.slice(0, 3).join(", ")} and ${symbols.length - 3} more` : symbols.join(", "));

/** @param {any} status @param {any} request */
function facts(status, request) {
  const tags = status.tags.map((/** @type {string} */ tag) => h("span", { class: "tag" }, tag));
  const range = `${date(request.start_date)} to ${date(request.end_date)}, ${request.resolution} bars`;
  const line = h("p", { class: "run-facts quiet" }, h("span", {}, status.strategy), h("span", {}, some(status.symbols)), h("span", {}, range),
    h("span", {}, h("code", {}, status.run_id)), ...tags);
  return status.note ? h("div", {}, line, h("p", { class: "run-note" }, status.note)) : line;
}
