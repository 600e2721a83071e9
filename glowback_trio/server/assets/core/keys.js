// The API key: asked for once, kept in the memory of this page, and nowhere else.
import { ask } from "./dialog.js";
import { h } from "./dom.js";

/** @type {string | undefined} */
let key;
/** @type {Promise<boolean> | null} */
let asking = null;

/** Return the key, for what connects by itself; undefined: none was needed so far. */
export function apiKey() {
  return key;
}

/**
 * Ask for a key, once for all that wait for it; return whether there is a new one.
 * @param {string | undefined} refused the key that was sent
 * @returns {Promise<boolean>}
 */
export function askForKey(refused) {
  if (key !== refused) return Promise.resolve(true);
  asking ??= show(refused !== undefined).finally(() => { asking = null; });
  return asking;
}

/** @param {boolean} wrong */
async function show(wrong) {
  const field = h("input", { id: "api-key", type: "password", autocomplete: "off", required: true, autofocus: true });
  const sentence = wrong ? "The server does not know this key." : "This server lets in who has a key.";
  const body = [h("p", {}, sentence, " It stays in this page until you close it or load it again."),
    h("label", { for: "api-key" }, "API key"), field];
  const answer = await ask("API key", body, [{ value: "use", label: "Use the key", kind: "primary" }]);
  if (answer === null) return false;
  key = field.value.trim();
  return true;
}
