"""Laws of a search over random spaces, ways to search, objectives and outcomes.

What is tried lies within the space and meets every rule, nothing is tried twice, the log depends
neither on how many trials are under way nor on a restart in between, and the best trial is the one
that a reader of the log would find.
"""

from __future__ import annotations

import itertools
import random
from collections.abc import Mapping
from typing import Any

import attrs
import hypothesis.strategies as st
import orjson
from hypothesis import assume, given, settings
from support.searches import BASE, drive, formula, search, space

from glowback_trio.engine.trials.plan import TrialOutcome, TrialPlan
from glowback_trio.model.optimization.request import OptimizationRequest
from glowback_trio.model.optimization.space import Comparison, Parameter
from glowback_trio.model.strategies.parameters import MeanReversion
from glowback_trio.search.request_checks import request_problems
from glowback_trio.search.samplers.domain import Domain
from glowback_trio.search.study import Study
from glowback_trio.wire.optimizations.trials import parse_trial

REVERSION = attrs.evolve(BASE, strategy=MeanReversion())
NUMBERS = ("entry_threshold", "exit_threshold")
SIZES = ("position_size", "max_position_size")


@st.composite
def parameters(draw: st.DrawFn) -> list[dict[str, Any]]:
    """Return one to four parameters of a strategy that refuses some of their combinations."""
    names = draw(st.lists(st.sampled_from([*NUMBERS, *SIZES]), min_size=1, max_size=3, unique=True))
    found = [draw(ranges(name)) for name in names]
    if draw(st.booleans()):
        low = draw(st.integers(1, 20))
        step = draw(st.sampled_from([None, 1, 3]))
        high = low + draw(st.integers(0, 12))
        whole = {"kind": "int_range", "low": low, "high": high, "step": step}
        found.append({"name": "lookback_period", **whole})
    return found


def ranges(name: str) -> st.SearchStrategy[dict[str, Any]]:
    low, high = (0.05, 1.0) if name in SIZES else (0.5, 4.0)
    value = st.floats(low, high).map(lambda each: round(each, 3))
    pairs = st.tuples(value, value).map(sorted)
    step = st.sampled_from([None, 0.1, 0.25])

    def ranged(kind: str) -> st.SearchStrategy[dict[str, Any]]:
        steps = st.none() if kind == "log_uniform" else step
        return st.tuples(pairs, steps).map(
            lambda each: {
                "name": name,
                "kind": kind,
                "low": each[0][0],
                "high": each[0][1],
                "step": each[1],
            }
        )

    values = st.lists(value, min_size=1, max_size=5, unique=True).map(tuple)
    choice = values.map(lambda each: {"name": name, "kind": "choice", "values": each})
    return ranged("float_range") | ranged("log_uniform") | choice


@st.composite
def requests(draw: st.DrawFn, *strategies: str) -> OptimizationRequest:
    given_ = draw(parameters())
    names = [each["name"] for each in given_]
    constraints: list[str] = []
    if len(names) > 1 and draw(st.booleans()):
        left, right = draw(st.permutations(names))[:2]
        sign = draw(st.sampled_from(["<", "<=", ">", "!="]))
        constraints.append(f"{left} {sign} {right}")
    return search(
        search_space=space(*given_, constraints=constraints),
        base_backtest=REVERSION,
        strategy=draw(st.sampled_from(strategies)),
        max_trials=draw(st.integers(1, 40)),
        validation_mode=draw(st.sampled_from(["none", "holdout", "walk_forward_refit"])),
        direction=draw(st.sampled_from(["maximize", "minimize"])),
        random_seed=draw(st.integers(0, 3)),
        grid_steps=draw(st.integers(2, 4)),
        batch_size=draw(st.integers(1, 9)),
        progress_steps=draw(st.integers(1, 9)),
    )


def outcomes(seed: int) -> Any:
    """Return a function of a plan that fails, is undefined or ties now and then."""

    def evaluate(plan: TrialPlan) -> TrialOutcome:
        chance = random.Random(f"{seed} {plan.trial_number}")
        if chance.random() < 0.15:
            return TrialOutcome(trial_number=plan.trial_number, error="It broke")
        undefined = chance.random() < 0.15
        worth = None if undefined else float(chance.randrange(6))
        return formula(lambda _: worth)(plan)

    return evaluate


def within(parameter: Parameter, value: Any) -> bool:
    if parameter.kind == "choice":
        return value in parameter.values
    assert parameter.low is not None
    assert parameter.high is not None
    whole = parameter.kind != "int_range" or type(value) is int
    return whole and parameter.low <= value <= parameter.high


def admitted(request: OptimizationRequest, values: Mapping[str, Any]) -> bool:
    merged = {**attrs.asdict(request.base_backtest.strategy), **values}
    compared = [Comparison.read(text) for text in request.search_space.constraints]
    return merged["position_size"] <= merged["max_position_size"] and all(
        each.holds(values) for each in compared
    )


@settings(max_examples=150)
@given(requests("grid", "random", "sobol", "latin_hypercube"), st.integers(0, 9))
def test_trials_lie_within_the_space_and_none_comes_twice(
    request: OptimizationRequest, seed: int
) -> None:
    assume(not list(request_problems(request)))
    study = Study(request)
    drive(study, outcomes(seed))
    tried = [each.parameters for each in study.trials]
    assert 1 <= len(tried) <= study.total <= request.max_trials
    assert len({tuple(each.values()) for each in tried}) == len(tried)
    for values in tried:
        assert list(values) == [each.name for each in request.search_space.parameters]
        assert all(within(each, values[each.name]) for each in request.search_space.parameters)
        assert admitted(request, values)


@settings(max_examples=100)
@given(requests("grid"))
def test_a_grid_is_the_cartesian_product_without_what_is_refused(
    request: OptimizationRequest,
) -> None:
    axes = Domain.of(request).axes
    product = itertools.product(*(axis.grid for axis in axes))
    every = [dict(zip([axis.name for axis in axes], each, strict=True)) for each in product]
    expected = [each for each in every if admitted(request, each)]
    problems = list(request_problems(request))
    if len(expected) > request.max_trials:
        assert f"The grid has {len(expected):,} combinations" in problems[0].message
    elif not expected:
        assert problems[0].message.startswith("No combination")
    else:
        study = Study(request)
        drive(study, outcomes(1))
        assert [each.parameters for each in study.trials] == expected


@settings(max_examples=120)
@given(
    requests("grid", "random", "sobol", "latin_hypercube", "successive_halving"),
    st.integers(0, 9),
    st.integers(1, 50),
    st.floats(0, 1),
)
def test_neither_concurrency_nor_a_restart_changes_the_log(
    request: OptimizationRequest, seed: int, most: int, part: float
) -> None:
    assume(not list(request_problems(request)))
    whole = Study(request)
    drafts = drive(whole, outcomes(seed), most=1)
    assert drive(Study(request), outcomes(seed), most=most) == drafts
    told = [parse_trial(orjson.loads(each.payload)) for each in drafts if each.type == "trial"]
    restored = Study.restored(request, told[: int(part * len(told))])
    assert [*restored.history, *drive(restored, outcomes(seed), most=most)] == drafts
    assert restored.best == whole.best


@settings(max_examples=100)
@given(requests("random", "successive_halving"), st.integers(0, 99))
def test_the_best_trial_is_the_one_a_reader_of_the_log_finds(
    request: OptimizationRequest, seed: int
) -> None:
    assume(not list(request_problems(request)))
    study = Study(request)
    drafts = drive(study, outcomes(seed))
    told = [orjson.loads(each.payload) for each in drafts if each.type == "trial"]
    sign = 1 if request.direction == "maximize" else -1
    ranked = [
        (sign * each["objective"], -each["trial_number"])
        for each in told
        if each["objective"] is not None and each["budget"] == 1.0 and each["split"] is None
    ]
    announced = [orjson.loads(each.payload) for each in drafts if each.type == "best"]
    if not ranked:
        assert study.best is None
        assert not announced
        return
    assert study.best is not None
    assert study.best.trial_number == -max(ranked)[1] == announced[-1]["trial_number"]
    assert [each["previous"] for each in announced[1:]] == [
        each["trial_number"] for each in announced[:-1]
    ]
