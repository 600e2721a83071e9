// The trials of one optimization as they are told, ranked by what is sought.

/**
 * @typedef {object} Trial
 * @property {number} trial_number
 * @property {string} status
 * @property {Record<string, any>} parameters
 * @property {number | null} objective
 * @property {Record<string, number | null>} metrics
 * @property {boolean} feasible
 * @property {string | null} error
 * @property {number | null} split
 * @property {number} budget
 */

export class Trials {
  /** @param {string} direction `maximize` or `minimize` */
  constructor(direction) {
    this.all = /** @type {Trial[]} */ ([]);
    this.sign = direction === "minimize" ? -1 : 1;
    this.ordered = /** @type {Trial[] | null} */ (null);
  }

  /** Take a trial in; one that came before is not taken twice. @param {Trial} trial */
  add(trial) {
    const last = this.all.at(-1);
    if (last && trial.trial_number <= last.trial_number) return;
    this.all.push(trial);
    this.ordered = null;
  }

  /**
   * Return the trials that have an objective, the best first; of equal ones the earliest.
   *
   * Left out are those on a part of the range: they are not measured by the same rule.
   */
  ranked() {
    this.ordered ??= this.all
      .filter((trial) => trial.objective !== null && trial.split === null && trial.budget === 1)
      .sort(
        (a, b) =>
          Number(b.feasible) - Number(a.feasible) ||
          this.sign * (Number(b.objective) - Number(a.objective)) ||
          a.trial_number - b.trial_number,
      );
    return this.ordered;
  }

  /** Return the names of what varies. */
  names() {
    return Object.keys(this.all[0]?.parameters ?? {});
  }

  /** Return the names of the numbers that trials have. */
  metrics() {
    return Object.keys(this.ranked()[0]?.metrics ?? {}).sort();
  }
}

/** Return a parameter's value as text. @param {any} value */
export const shown = (value) =>
  typeof value === "number"
    ? String(Number(value.toPrecision(6)))
    : Array.isArray(value)
      ? value.join(" ")
      : String(value ?? "–");
