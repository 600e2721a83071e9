// Rows of a curve that grows without end, thinned so that a chart never holds more than it can show.

/** @typedef {number[]} Row Seconds since 1970, then one number per column. */

/**
 * Keep at most `most` rows: of every bucket of `stride` rows those where one of the watched columns is
 * lowest or highest. When they are too many, the buckets become twice as wide. So the extremes of all
 * that came are kept, and a row costs next to nothing.
 */
export class LiveRows {
  /**
   * @param {number} most
   * @param {number[]} watched Places of the columns whose extremes are kept.
   */
  constructor(most, watched) {
    this.most = most;
    this.watched = watched;
    /** @type {Row[]} */
    this.kept = [];
    /** @type {Row[]} the rows of the bucket that is not full yet */
    this.open = [];
    this.stride = 1;
    this.received = 0;
  }

  /**
   * Add a row with a later time than all before it.
   * @param {Row} row
   * @returns {Row[] | null} Rows of a bucket that this row has filled; null if it is still open.
   */
  add(row) {
    this.received += 1;
    this.open.push(row);
    if (this.open.length < this.stride) return null;
    const chosen = this.stride === 1 ? this.open : extremes(this.open, this.watched);
    this.kept.push(...chosen);
    this.open = [];
    return chosen;
  }

  /** Whether rows have to go. */
  get isFull() {
    return this.kept.length > this.most;
  }

  /** Halve what is kept, by buckets that are twice as wide. */
  halve() {
    const each = 2 * 2 * this.watched.length; // rows that two buckets keep, at most
    const halved = [];
    for (let start = 1; start < this.kept.length; start += each)
      halved.push(...extremes(this.kept.slice(start, start + each), this.watched));
    this.kept = [...this.kept.slice(0, 1), ...halved]; // a curve begins where it began
    this.stride *= this.stride === 1 ? each : 2;
  }

  /** All rows to show: what is kept, and the newest row. */
  get rows() {
    const newest = this.open.at(-1);
    return newest ? [...this.kept, newest] : this.kept;
  }
}

/**
 * Return the rows at which a column is lowest or highest, in their order.
 * @param {Row[]} rows
 * @param {number[]} columns
 */
function extremes(rows, columns) {
  const chosen = new Set();
  for (const column of columns) {
    let low = 0, high = 0;
    for (let place = 1; place < rows.length; place += 1) {
      if (value(rows, place, column) < value(rows, low, column)) low = place;
      if (value(rows, place, column) > value(rows, high, column)) high = place;
    }
    chosen.add(low).add(high);
  }
  return rows.filter((_, place) => chosen.has(place));
}

/**
 * @param {Row[]} rows
 * @param {number} place
 * @param {number} column
 */
const value = (rows, place, column) => /** @type {Row} */ (rows[place])[column] ?? NaN;
