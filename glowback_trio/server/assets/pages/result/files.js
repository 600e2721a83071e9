// The files of a run, and its manifest.
import { h } from "../../core/dom.js";
import { saveButton } from "../run/controls.js";

const TABLES = [["Equity", "equity"], ["Fills", "trades"], ["Orders", "orders"]];
const REPORTS = [["HTML", "html"], ["Markdown", "md"], ["JSON", "json"]];
const FORMS = ["csv", "ndjson", "parquet"];

/** @param {{id: string, signal: AbortSignal}} of */
export function downloads({ id, signal }) {
  const save = (/** @type {string} */ text, /** @type {string} */ path, /** @type {string} */ name) =>
    saveButton(text, `/backtests/${id}/${path}`, name, signal);
  const tables = TABLES.map(([title, table]) => h("div", { class: "links" }, h("span", { class: "run-files-of" }, title),
    FORMS.map((form) => save(form === "csv" ? "CSV" : form === "ndjson" ? "NDJSON" : "Parquet", `${table}.${form}`, `${table}-${id}.${form}`))));
  return h("div", { class: "run-files" },
    h("div", { class: "links" }, h("span", { class: "run-files-of" }, "Report"), REPORTS.map(([text, form]) =>
      save(text, `report.${form}`, `report-${id}.${form}`))),
    ...tables,
    h("div", { class: "links" }, h("span", { class: "run-files-of" }, "Whole run"), save("Export", "export", `${id}.gbt`),
      save("Events", "events?limit=10000", `events-${id}.json`), save("Result as JSON", "results", `result-${id}.json`)));
}

/** @param {any} manifest */
export function manifest(manifest) {
  const text = JSON.stringify(manifest, null, 2);
  const copy = h("button", { type: "button", class: "button small" }, "Copy");
  copy.addEventListener("click", async () => {
    await navigator.clipboard?.writeText(text);
    copy.textContent = "Copied";
  });
  const { engine, dataset, annualisation } = manifest;
  return h("div", {},
    h("p", {}, `Computed by ${engine.name} ${engine.version} on ${dataset.total_bars.toLocaleString("en-US")} bars of ${dataset.symbols.length} `,
      `symbols (${dataset.data_source}), from ${dataset.first_date} to ${dataset.last_date}, annualised by ${annualisation.how ?? annualisation.periods_per_year}. `,
      "Submitting its ", h("code", {}, "replay_request"), " gives the same result."),
    h("p", {}, "Digest of the bars: ", h("code", { class: "breaks" }, dataset.digest)),
    h("details", {}, h("summary", {}, "The manifest as JSON"), copy, h("pre", { class: "json", tabindex: 0, role: "group", "aria-label": "The manifest as JSON" }, text)));
}
