// A document that is being written, by a form and as JSON: whoever changes it, the others follow.

/** @typedef {import("./schema.js").Path} Path */

export class Draft {
  /** @param {any} value */
  constructor(value) {
    this.value = structuredClone(value);
    this.listeners = /** @type {Set<() => void>} */ (new Set());
  }

  /** Return what stands at a path; undefined: nothing. @param {Path} path @returns {any} */
  at(path) {
    return path.reduce((value, key) => (isContainer(value) ? value[key] : undefined), this.value);
  }

  /** Put a value at a path; undefined takes it out, and the objects that it leaves empty. @param {Path} path @param {any} value */
  set(path, value) {
    this.value = changed(this.value, path, value) ?? {};
    this.tell();
  }

  /** Put another document in place of this one. @param {any} value */
  replace(value) {
    this.value = structuredClone(value);
    this.tell();
  }

  /** Call a function now and after every change. @param {() => void} listener */
  follow(listener) {
    this.listeners.add(listener);
    listener();
  }

  tell() {
    for (const listener of this.listeners) listener();
  }
}

/** @param {any} value */
const isContainer = (value) => typeof value === "object" && value !== null;

/** @param {any} value @param {Path} path @param {any} wanted @returns {any} */
function changed(value, [key, ...rest], wanted) {
  if (key === undefined) return wanted;
  const inner = changed(isContainer(value) ? value[key] : undefined, rest, wanted);
  if (Array.isArray(value)) return value.with(Number(key), inner);
  const { [key]: _, ...others } = isContainer(value) ? value : {};
  if (inner !== undefined) return { ...(isContainer(value) ? value : {}), [key]: inner };
  return Object.keys(others).length ? others : undefined;
}
