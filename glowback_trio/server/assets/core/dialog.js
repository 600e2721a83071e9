// Dialogs of the browser: it keeps the focus inside, and Escape closes them.
import { h } from "./dom.js";

/**
 * Show a dialog, and return the value of the button that closed it; null: it was dismissed.
 *
 * `body` is shown under the title; `actions` are the buttons, of which the last is the default.
 * @param {string} title
 * @param {import("./dom.js").Children} body
 * @param {{ value: string, label: string, kind?: string }[]} actions
 * @returns {Promise<string | null>}
 */
export function ask(title, body, actions) {
  const buttons = actions.map(({ value, label, kind = "" }) =>
    h("button", { type: "submit", value, class: `button ${kind}` }, label));
  const dismiss = h("button", { type: "button", class: "button", onclick: () => dialog.close() }, "Cancel");
  // Not by method=dialog: the policy of the page forbids that a form is sent anywhere.
  const form = h("form", { class: "dialog", onsubmit: submitted }, h("h2", { id: "dialog-title" }, title), body,
    h("div", { class: "actions" }, dismiss, buttons));
  const dialog = h("dialog", { "aria-labelledby": "dialog-title" }, form);
  /** @param {SubmitEvent} event */
  function submitted(event) {
    event.preventDefault();
    const button = /** @type {HTMLButtonElement | null} */ (event.submitter);
    dialog.close(button ? button.value : actions[actions.length - 1].value);
  }
  document.body.append(dialog);
  dialog.showModal();
  return new Promise((resolve) => {
    dialog.addEventListener("close", () => {
      dialog.remove();
      resolve(dialog.returnValue || null);
    });
  });
}

/**
 * Ask whether to do what cannot be undone.
 * @param {string} title
 * @param {string} sentence
 * @param {string} label of the button that does it
 * @returns {Promise<boolean>}
 */
export async function confirmed(title, sentence, label) {
  return (await ask(title, h("p", {}, sentence), [{ value: "yes", label, kind: "danger" }])) === "yes";
}
