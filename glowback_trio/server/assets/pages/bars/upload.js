// A price file from the reader's machine: looked at first, its columns matched, then checked and kept.
import { ApiError, send } from "../../core/api.js";
import { fill, h } from "../../core/dom.js";
import { say } from "../../core/notice.js";
import { report } from "./quality.js";

const COLUMNS = ["timestamp", "open", "high", "low", "close", "volume"],
  RESOLUTIONS = ["day", "hour", "minute", "second"];

/**
 * Return the form by which a file is uploaded.
 * @param {AbortSignal} signal @param {(dataset: any) => void} done called with the new dataset
 */
export function uploadForm(signal, done) {
  const file = h("input", { type: "file", id: "upload-file", accept: ".csv,.txt,.parquet,text/csv", onchange: look });
  const symbol = h("input", {
    type: "text",
    id: "upload-symbol",
    required: true,
    autocomplete: "off",
    placeholder: "AAPL",
    maxlength: 32,
  });
  const resolution = h(
    "select",
    { id: "upload-resolution" },
    RESOLUTIONS.map((value) => h("option", { value }, value)),
  );
  const replace = h("input", { type: "checkbox", id: "upload-replace" }),
    preview = h("div", { class: "f-stack tight" }),
    says = h("div", { role: "alert" });
  const button = h("button", { type: "submit", class: "button primary", disabled: true }, "Check and upload");
  const field = (/** @type {HTMLElement} */ input, /** @type {string} */ title) =>
    h("div", { class: "f-field" }, h("label", { for: input.id }, title), input);
  const form = h(
    "form",
    { class: "f-stack tight", novalidate: true, onsubmit: submitted },
    field(file, "File, CSV or Parquet"),
    h("div", { class: "f-grid" }, field(symbol, "Symbol"), field(resolution, "Length of a bar")),
    preview,
    h("label", { class: "f-row" }, replace, "Replace what the server has of this symbol"),
    says,
    h("div", { class: "f-row" }, button),
  );
  const chosen = () => /** @type {File | undefined} */ (file.files?.[0]);
  const headers = () => ({
    "Content-Type": /parquet$/i.test(chosen()?.name ?? "") ? "application/vnd.apache.parquet" : "text/csv",
  });
  const mapping = () =>
    [...preview.querySelectorAll("select")]
      .filter((select) => select.value)
      .map((select) => /** @type {[string, string]} */ ([select.name, select.value]));

  async function look() {
    const picked = chosen();
    fill(says);
    fill(preview);
    button.disabled = !picked;
    if (!picked) return;
    if (!symbol.value)
      symbol.value = (/^[A-Za-z0-9^$#@.-]+/.exec(picked.name.replace(/(_1?[a-z]+)?\.\w+$/i, ""))?.[0] ?? "")
        .slice(0, 32)
        .toUpperCase();
    await attempt(async () => {
      const found = await (
        await send("POST", `/datasets/preview?symbol=${encodeURIComponent(symbol.value || "X")}`, picked, {
          signal,
          headers: headers(),
        })
      ).json();
      fill(preview, matched(found));
    });
  }
  /** @param {SubmitEvent} event */
  async function submitted(event) {
    event.preventDefault();
    const picked = chosen();
    if (!picked) return;
    const query = new URLSearchParams([
      ["symbol", symbol.value],
      ["resolution", resolution.value],
      ...mapping(),
      ...(replace.checked ? [["replace", "true"]] : []),
    ]);
    button.disabled = true;
    await attempt(async () => {
      const { dataset, report: quality } = await (
        await send("POST", `/datasets?${query}`, picked, { signal, headers: headers() })
      ).json();
      fill(says, h("p", { class: "good" }, `${dataset.symbol} is kept.`), report(quality));
      say(`${dataset.symbol} is kept.`);
      done(dataset);
    });
    button.disabled = false;
  }
  /** @param {() => Promise<void>} work */
  async function attempt(work) {
    try {
      await work();
    } catch (error) {
      if (signal.aborted) return;
      const details =
        error instanceof ApiError && Array.isArray(error.details)
          ? error.details.map(({ msg }) => h("li", {}, msg))
          : [];
      fill(
        says,
        h("p", { class: "problem" }, error instanceof Error ? error.message : String(error)),
        details.length > 0 && h("ul", {}, details),
      );
      if (error instanceof ApiError && error.status === 403) button.disabled = true;
    }
  }
  return h("details", { class: "card" }, h("summary", {}, h("h2", {}, "Upload a price file")), form);
}

/** Return the first rows of a file, and which of its columns is what. @param {any} found */
function matched({ columns, rows, mapping = {}, problems = [] }) {
  const select = (/** @type {string} */ name) =>
    h(
      "label",
      { class: "boxed" },
      h("small", { class: "quiet" }, name),
      h(
        "select",
        { name },
        h("option", { value: "" }, "–"),
        columns.map((/** @type {string} */ value) => h("option", { value, selected: mapping[name] === value }, value)),
      ),
    );
  return [
    h("div", { class: "mapping", role: "group", "aria-label": "Columns" }, COLUMNS.map(select)),
    h(
      "div",
      { class: "f-scroll", tabindex: 0, role: "region", "aria-label": "First rows" },
      h(
        "table",
        { class: "plain" },
        h(
          "thead",
          {},
          h(
            "tr",
            {},
            columns.map((/** @type {string} */ name) => h("th", { scope: "col" }, name)),
          ),
        ),
        h(
          "tbody",
          {},
          rows.slice(0, 5).map((/** @type {any[]} */ row) =>
            h(
              "tr",
              {},
              row.map((cell) => h("td", {}, String(cell ?? ""))),
            ),
          ),
        ),
      ),
    ),
    problems.length > 0 &&
      h(
        "ul",
        { class: "warn" },
        problems.map((/** @type {string} */ problem) => h("li", {}, problem)),
      ),
  ];
}
