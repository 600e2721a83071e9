// The document of a form as JSON: what is changed here changes the fields, and the other way round.
import { h } from "../../core/dom.js";

/** @param {import("./draft.js").Draft} draft @param {string} route where the document is sent */
export function jsonPane(draft, route) {
  const says = h("p", { class: "problem", id: "json-problem", role: "status" });
  const area = h("textarea", {
    id: "json",
    spellcheck: "false",
    rows: 24,
    "aria-describedby": "json-problem",
    wrap: "off",
  });
  const written = () => JSON.stringify(draft.value, null, 2);
  area.addEventListener("input", () => {
    says.textContent = problem(area.value, (value) => draft.replace(value));
    area.toggleAttribute("aria-invalid", says.textContent !== "");
  });
  area.addEventListener("blur", () => {
    if (!says.textContent) area.value = written();
  });
  draft.follow(() => {
    if (area === document.activeElement) return;
    [area.value, says.textContent] = [written(), ""];
    area.removeAttribute("aria-invalid");
  });
  const copy = async () => {
    await navigator.clipboard.writeText(area.value);
  };
  return h(
    "section",
    { class: "f-json" },
    h(
      "div",
      { class: "f-row" },
      h("h2", {}, h("label", { for: "json" }, "As JSON")),
      isSecureContext && h("button", { type: "button", class: "button small", onclick: copy }, "Copy"),
    ),
    h("p", { class: "help" }, "Fields and JSON follow each other. A program sends this to ", h("code", {}, route), "."),
    area,
    says,
  );
}

/** Return what is wrong with a text; "": nothing, and it was used. @param {string} text @param {(value: any) => void} use */
function problem(text, use) {
  let value;
  try {
    value = JSON.parse(text);
  } catch (error) {
    return `This is no JSON yet: ${/** @type {Error} */ (error).message}`;
  }
  if (typeof value !== "object" || value === null || Array.isArray(value)) return "A request is an object: { … }.";
  use(value);
  return "";
}
