// Zooming: what is seen is fetched anew when more can be told about it than the chart holds.

/**
 * @typedef {object} Loaded
 * @property {number[][]} rows Rows of seconds and values, oldest first.
 * @property {boolean} isFull Whether these are all rows that there are between the first and the last.
 */

const SETTLED_MS = 150; // so long nothing moves before something is fetched

/**
 * Fetch the window that is seen, with as much again on both sides, whenever the chart lacks it.
 * @param {any} chart
 * @param {object} options
 * @param {Loaded} options.whole What to show of all.
 * @param {(from: number, to: number, signal: AbortSignal) => Promise<Loaded>} options.load
 * @param {(rows: number[][]) => void} options.show
 * @param {AbortSignal} options.signal
 * @returns {() => void} Stops following.
 */
export function followWindow(chart, { whole, load, show, signal }) {
  const scale = chart.timeScale(), first = whole.rows[0]?.[0] ?? 0, last = whole.rows.at(-1)?.[0] ?? 0;
  const all = { from: first, to: last, isFull: whole.isFull, span: last - first };
  let loaded = all, timer = 0, fetching = new AbortController();

  const settle = async () => {
    const seen = scale.getVisibleRange();
    if (!seen || signal.aborted) return;
    const span = seen.to - seen.from;
    if (!lacks(loaded, seen, all)) return;
    if (span > 0.9 * all.span) return replace(all, whole.rows, seen);
    fetching.abort();
    const mine = fetching = new AbortController();
    const from = Math.max(first, Math.floor(seen.from - span)), to = Math.min(last, Math.ceil(seen.to + span));
    try {
      const { rows, isFull } = await load(from, to, AbortSignal.any([signal, mine.signal]));
      if (!mine.signal.aborted && rows.length > 1) replace({ from, to, isFull, span }, rows, seen);
    } catch (error) {
      if (!mine.signal.aborted && !signal.aborted) console.warn("a window of the chart was not fetched:", error);
    }
  };
  const replace = (/** @type {typeof all} */ next, /** @type {number[][]} */ rows, /** @type {any} */ seen) => {
    loaded = next;
    show(rows);
    scale.setVisibleRange(seen);
  };
  const changed = () => { clearTimeout(timer); timer = window.setTimeout(settle, SETTLED_MS); };
  const stop = () => {
    clearTimeout(timer);
    fetching.abort();
    if (!signal.aborted) scale.unsubscribeVisibleTimeRangeChange(changed);
  };
  scale.subscribeVisibleTimeRangeChange(changed);
  signal.addEventListener("abort", stop, { once: true });
  return stop;
}

/**
 * Say whether the chart lacks what is seen: its edge is reached, or half of it would show more.
 * @param {{from: number, to: number, isFull: boolean, span: number}} loaded
 * @param {{from: number, to: number}} seen
 * @param {{from: number, to: number, span: number}} all
 */
function lacks(loaded, seen, all) {
  const span = seen.to - seen.from;
  if (loaded.from > all.from && seen.from <= loaded.from) return true;
  if (loaded.to < all.to && seen.to >= loaded.to) return true;
  return loaded.isFull ? false : span < loaded.span / 2 || span > 3 * loaded.span;
}

/**
 * Zoom by a factor around the middle, and move by a part of what is seen.
 * @param {any} chart
 * @param {number} factor Below 1: nearer.
 * @param {number} [move]
 */
export function zoom(chart, factor, move = 0) {
  const scale = chart.timeScale(), seen = scale.getVisibleLogicalRange();
  if (!seen) return;
  const width = seen.to - seen.from, middle = (seen.from + seen.to) / 2 + move * width;
  scale.setVisibleLogicalRange({ from: middle - (width * factor) / 2, to: middle + (width * factor) / 2 });
}
