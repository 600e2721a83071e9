// All routes of the server, as its table has them.
import { get } from "../core/api.js";
import { fill, h } from "../core/dom.js";

/**
 * @param {HTMLElement} root
 * @param {import("../app.js").Place} place
 */
export async function show(root, { signal }) {
  const body = h("tbody");
  root.append(
    h("h1", {}, "API"),
    h("p", { class: "lead" }, "A backtest server made of actors: every run is a task with a lossless event stream, ",
      "which clients can resume at any event. All that these pages do, they do by these routes. Every path also exists under ",
      h("code", {}, "/v1"), ", where errors come in an envelope with a stable code."),
    h("p", { class: "links" }, h("a", { class: "button", href: "/docs" }, "Interactive documentation"),
      h("a", { class: "button", href: "/openapi.json" }, "OpenAPI document"),
      h("a", { class: "button", href: "/glowback-stream.js" }, "JavaScript client")),
    h("table", { class: "plain routes" },
      h("thead", {}, h("tr", {}, ["Method", "Path", "What it does"].map((name) => h("th", { scope: "col" }, name)))), body));
  fill(body, (await get("/ui/routes.json", { signal })).map(row));
}

/** @param {{ method: string, path: string, summary: string }} route */
function row({ method, path, summary }) {
  return h("tr", {}, h("td", {}, h("code", { class: "quiet" }, method)), h("td", {}, h("code", {}, path)),
    h("td", {}, marked(summary)));
}

/** Mark up what stands between backticks as code. @param {string} text */
function marked(text) {
  return text.split("`").map((part, index) => (index % 2 ? h("code", {}, part) : part));
}
