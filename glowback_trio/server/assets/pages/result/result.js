// What there is to see of a run that has completed.
import { get } from "../../core/api.js";
import { mostPoints } from "../../charts/curve.js";
import { clear, h } from "../../core/dom.js";
import { sayError } from "../../core/notice.js";
import { analysis } from "./analysis.js";
import { downloads, manifest } from "./files.js";
import { metricsTable } from "./metrics.js";
import { loadCurves } from "../run/rows.js";
import { section } from "../run/sections.js";
import { trust } from "./trust.js";

const ALL_FILLS = 20_000; // of more, the table has a part; the file has all

/**
 * Show result and analysis of a run below its charts.
 * @param {HTMLElement} root
 * @param {{id: string, request: any, signal: AbortSignal}} of
 * @param {import("../run/live.js").Parts} parts
 */
export async function showResult(root, of, parts) {
  const { id, signal } = of, path = `/backtests/${id}/results`;
  const [result, curves] = await Promise.all([
    get(`${path}?include=metrics_summary,tearsheet,manifest,overfit,final_positions`, { signal }),
    loadCurves(id, mostPoints(root), signal),
  ]);
  const { metrics_summary: metrics, manifest: made } = result;
  parts.headline.show(metrics);
  const isWhole = curves.rows.length >= made.dataset.bars;
  parts.account.setWhole({ rows: curves.rows, isFull: isWhole });
  clear(root);
  const rest = [
    section("metrics", "Metrics", metricsTable(metrics)), ...analysis(of, result, isWhole ? curves.result : null),
    section("trust", "Overfit statistics", trust(result)), section("files", "Files", downloads(of)),
    section("manifest", "Manifest", manifest(made)),
  ];
  root.append(...rest);
  parts.contents.replaceChildren(contents([...document.querySelectorAll("#page section:not([hidden])")]));
  await Promise.all([showFills(of, parts, metrics.total_trades), showOrders(of, parts), showLog(of, parts)]).catch(sayError);
}

/** @param {Element[]} sections */
function contents(sections) {
  const links = sections.map((each) => h("a", { href: `#${each.id}` }, each.querySelector("h2")?.textContent ?? ""));
  return h("nav", { class: "run-contents", "aria-label": "On this page" }, ...links);
}

/** @param {any} of @param {import("../run/live.js").Parts} parts @param {number} count */
async function showFills({ id, signal }, { fills, prices }, count) {
  if (fills.count >= count) return; // they came with the stream
  if (count > ALL_FILLS) return fills.tooMany(count);
  const { trades } = await get(`/backtests/${id}/results?include=trades`, { signal });
  fills.replace(trades);
  prices.fills.clear();
  for (const fill of trades) prices.fill(fill);
  prices.mark();
}

/** @param {any} of @param {import("../run/live.js").Parts} parts */
async function showOrders({ id, request, signal }, { prices }) {
  if (prices.orders.size > 0) return;
  // Fetched when they are asked for: a plain strategy has as many orders as fills, which are marked already.
  prices.ordersToggle.addEventListener("change", async () => {
    const { order_events: events } = await get(`/backtests/${id}/results?include=order_events`, { signal });
    for (const event of events) prices.order(event);
    prices.mark();
  }, { signal, once: true });
}

/** @param {any} of @param {import("../run/live.js").Parts} parts */
async function showLog({ id, signal }, { log }) {
  if (log.lines.children.length > 0) return;
  for (const event of await get(`/backtests/${id}/events?types=log,state&limit=1000`, { signal })) log.event(event);
  log.show();
}
