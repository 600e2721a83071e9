// A table of any length: only the rows in sight are in the page.
import { fill, h } from "./dom.js";

const SPARE = 8; // rows beyond each edge, so that scrolling shows no gap

/**
 * A column. `text` is what a cell says, and decides whether it has changed; `cell` is what it shows, if
 * that is more; `value` is what it is sorted by; `width` is a track of a CSS grid; `head` is put into its
 * head instead of the name; `kind` is a class.
 * @template Row
 * @typedef {{ name: string, text: (row: Row) => string, cell?: (row: Row) => import("./dom.js").Children,
 *   value?: (row: Row) => number | string | null, isNumber?: boolean, width?: string, head?: Node, kind?: string }} Column
 */
/** @typedef {{ column: string, descending: boolean }} Order */
/**
 * `key` names a row over all changes; `open` is called for the row on which Enter is pressed.
 * @template Row
 * @typedef {{ label: string, columns: Column<Row>[], signal: AbortSignal, key?: (row: Row) => string, open?: (row: Row) => void,
 *   rowClass?: (row: Row) => string, order?: Order | null, onOrder?: (order: Order | null) => void, kind?: string }} Options
 */
/**
 * @template Row
 * @typedef {{ element: HTMLElement, setRows: (rows: Row[]) => void, refresh: () => void, active: () => Row | null,
 *   move: (by: number) => void, setOrder: (order: Order | null) => void }} Table
 */

let tables = 0;

/**
 * Return a table that takes the height which its place gives it, and scrolls inside.
 * @template Row
 * @param {Options<Row>} options
 * @returns {Table<Row>}
 */
export function table({ label, columns, signal, key, open, rowClass, order = null, onOrder, kind = "" }) {
  const id = `table-${++tables}`;
  /** @type {Row[]} */
  let given = [];
  /** @type {Row[]} */
  let rows = [];
  /** @type {Map<string, Shown<Row>>} */
  let shown = new Map();
  let activeKey = "", frame = 0;

  const heads = columns.map((column) => head(column, () => setOrder(next(column, order))));
  const body = h("div", { role: "rowgroup", class: "long-rows" });
  const element = h("div", { role: "grid", id, class: `long ${kind}`, tabindex: 0, "aria-label": label, "aria-colcount": columns.length,
      style: { "--columns": columns.map(({ width = "minmax(7rem, 1fr)" }) => width).join(" ") } },
    h("div", { role: "rowgroup", class: "long-heads" }, h("div", { role: "row", class: "long-row", "aria-rowindex": 1 }, heads)), body);

  /** @param {Row} row @param {number} index */
  const keyOf = (row, index) => key?.(row) ?? String(index);
  const rowHeight = () => parseFloat(getComputedStyle(element).getPropertyValue("--row")) || 36;

  function draw() {
    frame = 0;
    if (signal.aborted) return;
    const height = rowHeight(), top = element.scrollTop; // the heads stay in sight, above the rows
    const first = Math.max(0, Math.floor(top / height) - SPARE);
    const last = Math.min(rows.length, Math.ceil((top + element.clientHeight - body.offsetTop) / height) + SPARE);
    body.style.height = `${rows.length * height}px`;
    /** @type {typeof shown} */
    const now = new Map();
    for (let index = first; index < last; index++) {
      const name = keyOf(rows[index], index), one = shown.get(name) ?? new Shown(columns);
      one.show(rows[index], index, `${id}-${index}`, height, name === activeKey, rowClass);
      now.set(name, one);
      if (one.element.parentNode !== body) body.append(one.element);
    }
    for (const [name, one] of shown) if (!now.has(name)) one.element.remove();
    shown = now;
    const active = shown.get(activeKey);
    if (active) element.setAttribute("aria-activedescendant", active.element.id);
    else element.removeAttribute("aria-activedescendant");
  }
  const refresh = () => { frame ||= requestAnimationFrame(draw); };

  /** @param {Row[]} next */
  function setRows(next) {
    given = next;
    const column = order && columns.find(({ name }) => name === order?.column);
    rows = column?.value ? sorted(given, column.value, order?.descending ? -1 : 1) : given;
    element.setAttribute("aria-rowcount", String(rows.length + 1));
    refresh();
  }

  /** @param {Order | null} chosen */
  function setOrder(chosen) {
    order = chosen;
    columns.forEach(({ name, value }, at) => {
      const direction = chosen?.column !== name ? "none" : chosen.descending ? "descending" : "ascending";
      if (value) heads[at].setAttribute("aria-sort", direction);
    });
    onOrder?.(order);
    setRows(given);
  }

  const at = () => rows.findIndex((row, index) => keyOf(row, index) === activeKey);
  /** @param {number} index */
  function activate(index) {
    if (rows.length === 0) return;
    const chosen = Math.max(0, Math.min(rows.length - 1, index)), height = rowHeight(), top = chosen * height;
    activeKey = keyOf(rows[chosen], chosen);
    const room = element.clientHeight - body.offsetTop - height;
    if (top < element.scrollTop) element.scrollTop = top;
    else if (top > element.scrollTop + room) element.scrollTop = top - room;
    refresh();
  }
  const active = () => rows[at()] ?? null;
  /** @param {number} by */
  const move = (by) => activate(at() < 0 && by > 0 ? 0 : at() + by);

  const pageful = () => Math.max(1, Math.floor(element.clientHeight / rowHeight()) - 2);
  /** @type {Record<string, () => void>} */
  const keys = {
    ArrowDown: () => move(1), ArrowUp: () => move(-1), PageDown: () => move(pageful()), PageUp: () => move(-pageful()),
    Home: () => activate(0), End: () => activate(rows.length - 1), Enter: () => { const row = active(); if (row) open?.(row); },
  };
  element.addEventListener("keydown", (event) => {
    if (event.target !== element || event.ctrlKey || event.metaKey || event.altKey || !keys[event.key]) return;
    event.preventDefault();
    keys[event.key]();
  });
  body.addEventListener("focusin", (event) => activateAt(event));
  body.addEventListener("pointerdown", (event) => activateAt(event));
  /** @param {Event} event */
  function activateAt(event) {
    const row = event.target instanceof Element && event.target.closest("[role=row]");
    if (row) activeKey = [...shown].find(([, one]) => one.element === row)?.[0] ?? activeKey;
    refresh();
  }
  element.addEventListener("scroll", refresh, { passive: true });
  const resized = new ResizeObserver(refresh);
  resized.observe(element);
  signal.addEventListener("abort", () => { resized.disconnect(); cancelAnimationFrame(frame); });
  setOrder(order);
  return { element, setRows, refresh, active, move, setOrder };
}

/**
 * One row in sight; its cells are written anew only where what they say has changed.
 * @template Row
 */
class Shown {
  /** @param {Column<Row>[]} columns */
  constructor(columns) {
    this.columns = columns;
    this.cells = columns.map(({ isNumber, kind = "" }) => h("div", { role: "gridcell", class: `long-cell ${isNumber ? "number" : ""} ${kind}` }));
    this.element = h("div", { role: "row", class: "long-row" }, this.cells);
    /** @type {(string | null)[]} */
    this.said = columns.map(() => null);
  }

  /**
   * @param {Row} row
   * @param {number} index
   * @param {string} id
   * @param {number} height
   * @param {boolean} isActive
   * @param {((row: Row) => string) | undefined} rowClass
   */
  show(row, index, id, height, isActive, rowClass) {
    const { element } = this;
    element.id = id;
    element.style.transform = `translateY(${index * height}px)`;
    element.className = `long-row ${index % 2 ? "odd" : ""} ${isActive ? "active" : ""} ${rowClass?.(row) ?? ""}`;
    element.setAttribute("aria-rowindex", String(index + 2));
    this.columns.forEach((column, at) => {
      const text = column.text(row);
      if (text === this.said[at]) return;
      this.said[at] = text;
      fill(this.cells[at], column.cell ? column.cell(row) : text);
      if (!column.cell) this.cells[at].title = text;
    });
    // Tab leads from the table to the controls of its active row, not through those of all rows.
    for (const control of element.querySelectorAll("a, button, input")) control.setAttribute("tabindex", isActive ? "0" : "-1");
  }
}

/**
 * @template Row
 * @param {Column<Row>} column
 * @param {() => void} sort
 */
function head({ name, value, isNumber, head: own, kind = "" }, sort) {
  const title = own ?? (value ? h("button", { type: "button", class: "sort", onclick: sort }, name) : name);
  return h("div", { role: "columnheader", class: `long-cell ${isNumber ? "number" : ""} ${kind}` }, title);
}

/**
 * Return the order after a click on a column: numbers from the greatest, texts from A, then as given.
 * @template Row
 * @param {Column<Row>} column
 * @param {Order | null} order
 * @returns {Order | null}
 */
function next({ name, isNumber = false }, order) {
  if (order?.column !== name) return { column: name, descending: isNumber };
  return order.descending === isNumber ? { column: name, descending: !isNumber } : null;
}

/**
 * Return rows in order; what has no value comes last, and equals stay as they were.
 * @template Row
 * @param {Row[]} rows
 * @param {(row: Row) => number | string | null} value
 * @param {1 | -1} sign
 */
function sorted(rows, value, sign) {
  const pairs = rows.map((row) => /** @type {const} */ ([value(row), row]));
  pairs.sort(([a], [b]) => {
    if (a === null || b === null) return Number(a === null) - Number(b === null);
    return a < b ? -sign : a > b ? sign : 0;
  });
  return pairs.map(([, row]) => row);
}
