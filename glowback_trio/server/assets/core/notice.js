// Short messages at the edge of the page, which go by themselves.
import { byId, h } from "./dom.js";

const SHOWN_MS = 6000;

/**
 * Say something to the reader.
 * @param {string} sentence
 * @param {"plain" | "bad"} [kind]
 */
export function say(sentence, kind = "plain") {
  const notice = h("p", { class: `notice ${kind}` }, sentence);
  byId("notices").append(notice);
  setTimeout(() => notice.remove(), SHOWN_MS);
}

/**
 * Say why something failed; an end that the reader caused by leaving is none.
 * @param {unknown} error
 */
export function sayError(error) {
  if (error instanceof Error && error.name === "AbortError") return;
  say(error instanceof Error ? error.message : String(error), "bad");
}
