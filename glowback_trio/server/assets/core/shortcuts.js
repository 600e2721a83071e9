// Keys that do something on a page; `?` lists them.
import { ask } from "./dialog.js";
import { h } from "./dom.js";

/** @typedef {{ says: string, act: (event: KeyboardEvent) => void }} Shortcut */

/** @type {Map<string, Shortcut>} */
const known = new Map();

/**
 * Add shortcuts until a signal is aborted. Their names are those of `KeyboardEvent.key`.
 * @param {Record<string, Shortcut>} shortcuts
 * @param {AbortSignal} [signal]
 */
export function addShortcuts(shortcuts, signal) {
  for (const [key, shortcut] of Object.entries(shortcuts)) {
    known.set(key, shortcut);
    signal?.addEventListener("abort", () => known.get(key) === shortcut && known.delete(key));
  }
}

/** Listen to the keyboard from now on. */
export function startShortcuts() {
  addShortcuts({ "?": { says: "show these keys", act: showShortcuts } });
  document.addEventListener("keydown", (event) => {
    const { target, key } = event;
    const modified = event.ctrlKey || event.metaKey || event.altKey;
    if (modified || event.defaultPrevented || isTyping(target) || document.querySelector("dialog[open]")) return;
    const shortcut = known.get(key);
    if (!shortcut) return;
    event.preventDefault();
    shortcut.act(event);
  });
}

/** @param {EventTarget | null} target */
function isTyping(target) {
  return target instanceof HTMLElement && target.matches("input:not([type=checkbox]), select, textarea, [contenteditable]");
}

/** Show all keys that do something here. */
export function showShortcuts() {
  const rows = [...known].map(([key, { says }]) => [h("dt", {}, h("kbd", {}, key)), h("dd", {}, says)]);
  ask("Keyboard shortcuts", h("dl", { class: "keys" }, ...rows), [{ value: "ok", label: "Close", kind: "primary" }]);
}
