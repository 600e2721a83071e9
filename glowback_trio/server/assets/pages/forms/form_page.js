// A page on which a request is written: fields on one side, the same as JSON on the other, and one button.
import { h } from "../../core/dom.js";
import { go } from "../../core/navigation.js";
import { jsonPane } from "./json_pane.js";

/**
 * Show the page of a form.
 * @param {HTMLElement} root
 * @param {object} page
 * @param {string} page.title
 * @param {import("../../core/dom.js").Children} page.lead
 * @param {import("./field.js").Form} page.form
 * @param {import("../../core/dom.js").Child[]} page.sections
 * @param {string} page.route the method and path that the document is sent to
 * @param {string} page.label of the button
 * @param {(document: any) => Promise<string>} page.submit sends it, and returns where it leads
 */
export function showForm(root, { title, lead, form, sections, route, label, submit }) {
  const button = h("button", { type: "submit", class: "button primary" }, label);
  const element = h(
    "form",
    { class: "sides", novalidate: true, onsubmit: submitted },
    h("div", { class: "side fields" }, form.problems.summary, sections),
    h(
      "div",
      { class: "side" },
      h("div", { class: "beside" }, jsonPane(form.draft, route), h("div", { class: "actions" }, button)),
    ),
  );
  root.append(h("h1", {}, title), h("p", { class: "lead" }, lead), element);

  /** @param {SubmitEvent} event */
  async function submitted(event) {
    event.preventDefault();
    button.disabled = true;
    try {
      go(await submit(form.draft.value));
    } catch (error) {
      form.problems.show(error);
      form.problems.summary.scrollIntoView({ block: "nearest" });
    } finally {
      button.disabled = false;
    }
  }
}
