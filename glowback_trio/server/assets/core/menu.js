// A menu beside a button: arrows move in it, Escape and a click elsewhere close it.
import { byId, h } from "./dom.js";

/** @typedef {{ label: string, act: () => void, kind?: string, href?: string }} Item */

/**
 * Show a menu at a button.
 * @param {HTMLElement} button
 * @param {Item[]} items
 */
export function showMenu(button, items) {
  const entries = items.map(({ label, act, kind = "", href }) => {
    const properties = { role: "menuitem", class: `item ${kind}`, onclick: () => { menu.hidePopover(); act(); } };
    return href ? h("a", { ...properties, href }, label) : h("button", { ...properties, type: "button" }, label);
  });
  const menu = h("div", { role: "menu", class: "menu", popover: "auto", onkeydown: moved }, entries);
  /** @param {KeyboardEvent} event */
  function moved(event) {
    const by = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (!by) return;
    event.preventDefault();
    const at = entries.findIndex((entry) => entry === document.activeElement);
    entries[(at + by + entries.length) % entries.length].focus();
  }
  menu.addEventListener("toggle", (event) => {
    if (/** @type {ToggleEvent} */ (event).newState === "open") return;
    button.setAttribute("aria-expanded", "false");
    menu.remove();
  });
  byId("page").append(menu);
  button.setAttribute("aria-expanded", "true");
  menu.showPopover();
  place(menu, button.getBoundingClientRect());
  entries[0].focus();
}

/** @param {HTMLElement} menu @param {DOMRect} at */
function place(menu, at) {
  const { width, height } = menu.getBoundingClientRect(), below = at.bottom + 4;
  menu.style.left = `${Math.max(8, Math.min(at.right, innerWidth - 8) - width)}px`;
  menu.style.top = `${below + height < innerHeight - 8 ? below : Math.max(8, at.top - 4 - height)}px`;
}
