// How likely the best trial is luck, in plain words: the honest number of trials, and what it makes of the ratio.
import { h } from "../../core/dom.js";
import { number } from "../../core/format.js";

const GATE = 0.95;

/**
 * Return what the diagnostics of a search say, for people.
 * @param {any} diagnostics @param {number | null | undefined} sharpe of the best trial
 */
export function verdict(diagnostics, sharpe) {
  const { ledger, trials_considered: all } = diagnostics;
  if (all === undefined)
    return h(
      "p",
      { class: "quiet" },
      "There are too few trials with returns to say how likely the best of them is luck.",
    );
  const seen = ledger && ledger.trials_considered > all,
    evidence = seen ? ledger : diagnostics;
  const { qualified, not_qualified_because: reasons = [] } = evidence;
  return h(
    "div",
    { class: "verdict" },
    h(
      "p",
      { class: `stamp ${qualified ? "good" : "warn"}` },
      qualified ? "Qualified: this speaks for more than luck." : "Not qualified: luck explains it as well.",
    ),
    reasons.length > 0 &&
      h(
        "ul",
        {},
        reasons.map((/** @type {string} */ reason) => h("li", {}, `${reason}.`)),
      ),
    ratios(sharpe, evidence),
    chances(evidence),
    h("p", {}, words(evidence)),
    seen &&
      h(
        "p",
        {},
        `On this server this strategy was tried on these bars ${number(ledger.trials_considered)} times in all, by anyone; the figures above count every one of them. By the ${number(all)} trials of this search alone, ${chance(diagnostics.deflated_sharpe_ratio)} would be left.`,
      ),
    ledger?.damage && h("p", { class: "problem" }, `The ledger of trials is damaged: ${ledger.damage}`),
  );
}

/** @param {any} evidence */
function words({
  trials_considered: all,
  effective_number_of_trials: honest,
  probabilistic_sharpe_ratio: alone,
  deflated_sharpe_ratio: deflated,
  expected_best_sharpe_ratio: luck,
  probability_of_backtest_overfitting: overfit,
  track_record_bars: bars,
  minimum_track_record_bars: needed,
}) {
  const sentences = [
    `${number(all)} trials were made. Those that trade alike count as one, so they are ${number(honest)} different looks at these bars: the honest number of trials.`,
    known(luck) && `The best of so many strategies without any skill has a ratio of about ${number(luck, 2)}.`,
    known(alone) &&
      known(deflated) &&
      `Had it been the only trial, the best one's ratio would be above zero with a probability of ${chance(alone)}; against the best of ${number(honest)}, ${chance(deflated)} is left.`,
    known(overfit) &&
      `Who picks the best trial on one half of the bars lands below the median in the other half in ${chance(overfit)} of all cases.`,
    known(needed) &&
      `To be above zero with a probability of 95%, taken alone, this ratio needs ${number(Math.ceil(needed))} bars; there are ${number(bars)}.`,
  ];
  return sentences.filter(Boolean).join(" ");
}

/** @param {number | null | undefined} sharpe @param {any} evidence */
function ratios(sharpe, { expected_best_sharpe_ratio: luck, effective_number_of_trials: honest }) {
  if (!known(sharpe) || !known(luck)) return null;
  const most = Math.max(Number(sharpe), Number(luck), 0.01);
  return h(
    "div",
    { class: "meters" },
    meter("Sharpe ratio of the best trial", Number(sharpe) / most, number(sharpe, 2)),
    meter(`Best of ${number(honest)} without skill`, Number(luck) / most, number(luck, 2), "luck"),
  );
}

/** @param {any} evidence */
function chances({ probabilistic_sharpe_ratio: alone, deflated_sharpe_ratio: deflated }) {
  if (!known(alone) || !known(deflated)) return null;
  return h(
    "div",
    { class: "meters" },
    meter("Probabilistic Sharpe ratio (raw)", alone, chance(alone)),
    meter("Deflated Sharpe ratio", deflated, chance(deflated), deflated > GATE ? "good" : "warn", GATE),
  );
}

/** @param {string} label @param {number} part @param {string} value @param {string} [kind] @param {number} [gate] */
function meter(label, part, value, kind = "", gate) {
  const bar = h("span", { class: `fill ${kind}`, style: { width: `${Math.max(0, Math.min(1, part)) * 100}%` } });
  return h(
    "div",
    { class: "meter" },
    h("span", {}, label),
    h(
      "span",
      { class: "track" },
      bar,
      gate !== undefined && h("span", { class: "gate", style: { left: `${gate * 100}%` } }),
    ),
    h("b", {}, value),
  );
}

/** @param {any} value */
const known = (value) => typeof value === "number" && Number.isFinite(value);

/** @param {number} value */
const chance = (value) => `${number(value * 100, value > 0.995 && value < 1 ? 2 : 1)}%`;

/** Return what the neighbours of the best parameters say. @param {any} diagnostics */
export function stability({
  surface_stability: surface,
  parameter_stability: parameters = {},
  top_trials_considered: top,
}) {
  const rows = Object.entries(parameters).map(([name, one]) =>
    h(
      "tr",
      {},
      h("th", { scope: "row" }, name),
      h("td", { class: "number" }, text(one.best_value)),
      h("td", { class: "number" }, (one.top_trial_values ?? []).map(text).join(", ")),
      h("td", { class: "number" }, share(surface?.by_parameter?.[name])),
      h("td", {}, one.stable ? "stable" : "scattered"),
    ),
  );
  return h(
    "div",
    {},
    surface &&
      h(
        "p",
        {},
        h("b", { class: surface.plateau ? "good" : "warn" }, surface.plateau ? "A plateau. " : "A spike. "),
        `The ${surface.neighbours} nearest trials have ${number(surface.neighbours_objective, 2)} on average and keep ${share(surface.together)} of what the best one has above the median. `,
        surface.plateau
          ? "What works is about as good with parameters next to it."
          : "What has found something is about as good with parameters next to it; this is not.",
      ),
    rows.length > 0 &&
      h(
        "div",
        { class: "f-scroll", tabindex: 0, role: "region", "aria-label": "Stability" },
        h(
          "table",
          { class: "plain" },
          h(
            "thead",
            {},
            h(
              "tr",
              {},
              ["Parameter", "best", `of the best ${top ?? ""}`, "neighbours keep", "values"].map((name, i) =>
                h("th", { scope: "col", class: i > 0 && i < 4 ? "number" : "" }, name),
              ),
            ),
          ),
          h("tbody", {}, rows),
        ),
      ),
  );
}

/** @param {any} value */
const text = (value) => (typeof value === "number" ? String(Number(value.toPrecision(5))) : String(value ?? "–"));

/** @param {number | null | undefined} part */
const share = (part) => (known(part) ? `${number(Number(part) * 100)}%` : "–");
