// Numbers and times as people of the trade read them. What there is not is a dash.

export const NONE = "–";

/** @param {number | null | undefined} value */
const absent = (value) => value === null || value === undefined || !Number.isFinite(value);

/** @param {string} text */
const minus = (text) => text.replace("-", "−");

/**
 * Return a number with its thousands apart, and this many digits after the point.
 * @param {number | null | undefined} value
 * @param {number} [digits]
 */
export function number(value, digits = 0) {
  if (absent(value)) return NONE;
  const options = { minimumFractionDigits: digits, maximumFractionDigits: digits };
  return minus(Number(value).toLocaleString("en-US", options));
}

/**
 * Return a value in percent, such as 12.5, with a percent sign; `signed` shows a plus as well.
 * @param {number | null | undefined} value in percent
 * @param {{ digits?: number, signed?: boolean }} [options]
 */
export function percent(value, { digits = 2, signed = false } = {}) {
  if (absent(value)) return NONE;
  return `${signed && Number(value) > 0 ? "+" : ""}${number(value, digits)}%`;
}

/**
 * Return an amount of money, without a currency.
 * @param {number | null | undefined} value
 */
export const money = (value) => number(value, 2);

const UNITS = /** @type {const} */ ([["d", 86400], ["h", 3600], ["min", 60], ["s", 1]]);

/**
 * Return a length of time in its greatest unit, such as `3 min`.
 * @param {number | null | undefined} seconds
 */
export function duration(seconds) {
  if (absent(seconds)) return NONE;
  const whole = Math.max(0, Number(seconds));
  const [name, size] = UNITS.find(([, least]) => whole >= least) ?? UNITS[3];
  if (name === "s" && whole < 10) return `${number(whole, 1)} s`;
  return `${number(Math.floor(whole / size))} ${name}`;
}

/**
 * Return how long ago a moment was, such as `3 min`.
 * @param {string | null | undefined} instant
 * @param {number} [now] milliseconds since 1970
 */
export function age(instant, now = Date.now()) {
  if (!instant) return NONE;
  const seconds = Math.max(0, (now - Date.parse(instant)) / 1000);
  return seconds < 10 ? "now" : duration(seconds);
}

/**
 * Return the date of an instant in UTC, as bars are stamped.
 * @param {string | null | undefined} instant
 */
export const date = (instant) => instant?.slice(0, 10) ?? NONE;

/**
 * Return date and time of an instant where the reader is.
 * @param {string | null | undefined} instant
 */
export function dateTime(instant) {
  return instant ? new Date(instant).toLocaleString("en-GB", { dateStyle: "medium", timeStyle: "medium" }) : NONE;
}
