// What the server says against a request, beside the fields that it is about.
import { ApiError } from "../../core/api.js";
import { fill, h } from "../../core/dom.js";

/** @typedef {import("./schema.js").Path} Path */
/** @typedef {{input: HTMLElement, says: HTMLElement, label: string}} Place a field, and where its problem is written */

export class Problems {
  constructor() {
    this.summary = h("div", { class: "problems", role: "alert" });
    this.places = /** @type {Map<string, Place>} */ (new Map());
  }

  /** Say where problems of what stands at a path are written. @param {Path} path @param {Place} place */
  add(path, place) {
    this.places.set(path.join("."), place);
    place.input.addEventListener("input", () => write(place, ""));
  }

  /** Take all problems away. */
  clear() {
    fill(this.summary);
    for (const place of this.places.values()) write(place, "");
  }

  /** Show why a request was refused. @param {unknown} error */
  show(error) {
    this.clear();
    if (!(error instanceof ApiError) || !Array.isArray(error.details)) {
      fill(this.summary, h("p", { class: "problem" }, error instanceof Error ? error.message : String(error)));
      return;
    }
    const found = error.details.map((/** @type {any} */ detail) => ({
      ...detail,
      place: this.placeOf(detail.loc.slice(1)),
    }));
    for (const { place, msg } of found)
      if (place) write(place, [place.says.textContent, msg].filter(Boolean).join(". "));
    fill(
      this.summary,
      h(
        "p",
        { class: "problem" },
        found.length === 1 ? "The server refuses this:" : `The server refuses this, for ${found.length} reasons:`,
      ),
      h(
        "ul",
        {},
        found.map(({ place, loc, msg }) => h("li", {}, this.link(place, loc), `: ${msg}`)),
      ),
    );
    (
      found.find(({ place }) => place && place.input.offsetParent)?.place ?? found.find(({ place }) => place)?.place
    )?.input.focus();
  }

  /** @param {Place | undefined} place @param {Path} loc */
  link(place, loc) {
    const name = loc.slice(1).join(".") || "request";
    if (!place) return h("code", {}, name);
    const jump = () => {
      openAround(place.input);
      place.input.focus();
    };
    return h("button", { type: "button", class: "link", onclick: jump }, place.label);
  }

  /** @param {Path} loc */
  placeOf(loc) {
    for (let length = loc.length; length > 0; length--) {
      const place = this.places.get(loc.slice(0, length).join("."));
      if (place?.input.isConnected) return place;
    }
    return undefined;
  }
}

/** @param {Place} place @param {string} sentence */
function write({ input, says }, sentence) {
  says.textContent = sentence;
  if (sentence) {
    input.setAttribute("aria-invalid", "true");
    openAround(input);
  } else input.removeAttribute("aria-invalid");
}

/** @param {HTMLElement} element */
function openAround(element) {
  for (let outer = element.closest("details"); outer; outer = outer.parentElement?.closest("details") ?? null)
    outer.open = true;
}
