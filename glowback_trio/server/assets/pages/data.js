// The prices that this server has: what there is, what is wrong with it, how it looks, and how more comes in.
import { get } from "../core/api.js";
import { fill, h } from "../core/dom.js";
import { date, number } from "../core/format.js";
import { note } from "../core/navigation.js";
import { barsOf } from "./bars/bars.js";
import { qualityOf } from "./bars/quality.js";
import { uploadForm } from "./bars/upload.js";
import { section } from "./forms/backtest.js";

const SHOWN = 200;

/** @param {HTMLElement} root @param {import("../app.js").Place} place */
export async function show(root, { query, signal }) {
  const search = h("input", {
    type: "search",
    "aria-label": "Search symbols",
    placeholder: "Search symbols",
    oninput: () => list(),
  });
  const body = h("tbody"),
    rest = h("p", { class: "quiet" }),
    detail = h("div", { class: "f-stack tight" });
  const names = ["Symbol", "Resolution", "From", "To", "Bars", "Source"];
  const table = h(
    "table",
    { class: "plain datasets" },
    h("caption", { class: "hidden" }, "Prices by symbol"),
    h(
      "thead",
      {},
      h(
        "tr",
        {},
        names.map((name) => h("th", { scope: "col", class: name === "Bars" ? "number" : "" }, name)),
      ),
    ),
    body,
  );
  root.append(
    h("h1", {}, "Data"),
    h(
      "div",
      { class: "f-data" },
      h(
        "div",
        { class: "f-stack tight" },
        h("div", { class: "f-row" }, search),
        h("div", { class: "f-scroll", tabindex: 0, role: "region", "aria-label": "Symbols" }, table),
        rest,
        uploadForm(signal, (dataset) => refresh(dataset)),
      ),
      detail,
    ),
  );
  let datasets = /** @type {any[]} */ ([]),
    leaving = new AbortController();

  function list() {
    const wanted = search.value.trim().toLowerCase(),
      matching = datasets.filter(({ symbol }) => symbol.toLowerCase().includes(wanted));
    fill(
      body,
      matching.slice(0, SHOWN).map((one) => row(one, choose)),
    );
    rest.textContent =
      matching.length > SHOWN
        ? `${number(matching.length - SHOWN)} more: write a part of the symbol.`
        : matching.length
          ? ""
          : "The server has no such symbol.";
    mark();
  }
  function mark() {
    const chosen = query.get("symbol"),
      resolution = query.get("resolution");
    for (const button of body.querySelectorAll("button")) {
      const here = button.dataset.symbol === chosen && (!resolution || button.dataset.resolution === resolution);
      button.setAttribute("aria-pressed", String(here));
      button.closest("tr")?.classList.toggle("chosen", here);
    }
  }
  /** @param {any} dataset */
  async function choose(dataset) {
    leaving.abort();
    leaving = new AbortController();
    const { symbol, resolution } = dataset,
      until = AbortSignal.any([signal, leaving.signal]);
    query.set("symbol", symbol);
    query.set("resolution", resolution ?? "");
    note({ symbol, resolution });
    mark();
    const bars = h("div"),
      quality = h("div");
    fill(
      detail,
      h(
        "div",
        { class: "f-row f-head" },
        h("h2", {}, `${symbol}, by the ${resolution ?? "bar"}`),
        h("a", { class: "button", href: `/ui/new?symbol=${encodeURIComponent(symbol)}` }, "Backtest it"),
      ),
      section("Bars", bars),
      section("Quality", quality),
    );
    await Promise.all([barsOf(bars, dataset, until), qualityOf(quality, dataset, until)]);
  }
  /** @param {any} [uploaded] */
  async function refresh(uploaded) {
    datasets = (await get("/datasets", { signal })).filter((/** @type {any} */ { symbol }) => symbol !== "*");
    list();
    const wanted = uploaded?.symbol ?? query.get("symbol"),
      resolution = uploaded?.resolution ?? query.get("resolution");
    const found =
      datasets.find((one) => one.symbol === wanted && (!resolution || one.resolution === resolution)) ??
      (wanted ? null : datasets[0]);
    if (found) await choose(found);
    else
      fill(
        detail,
        h(
          "p",
          { class: "lead" },
          wanted
            ? `The server has no prices of ${wanted}.`
            : "The server has no price files: it generates prices for any symbol. Start it with --data and a directory of CSV or Parquet files.",
        ),
      );
  }
  await refresh();
}

/** @param {any} dataset @param {(dataset: any) => void} choose */
function row(dataset, choose) {
  const { symbol, resolution, first_bar: first, last_bar: last, rows, source, problem } = dataset;
  const button = h(
    "button",
    {
      type: "button",
      class: "link",
      "data-symbol": symbol,
      "data-resolution": resolution ?? "",
      onclick: () => choose(dataset),
    },
    symbol,
  );
  return h(
    "tr",
    {},
    h("th", { scope: "row" }, button),
    problem
      ? h("td", { class: "problem", colspan: 5 }, problem)
      : [
          h("td", {}, resolution),
          h("td", {}, date(first)),
          h("td", {}, date(last)),
          h("td", { class: "number" }, number(rows)),
          h("td", {}, source),
        ],
  );
}
