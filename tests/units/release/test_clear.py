"""The gate: what an output holds of a finding."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from fingerpost.core.answer import Answer
from fingerpost.core.errors import UsageError
from fingerpost.core.estimand import Target, Term, pair
from fingerpost.core.estimate import Estimate, Influence
from fingerpost.core.finding import Finding
from fingerpost.core.refusal import Broken, Refusal
from fingerpost.core.study import Study
from fingerpost.release.clear import clear
from fingerpost.release.policies import policy

ATT = Term("absence", pair("support", "none"), Target("att"), "rate", "ratio")
ATE = ATT.on(Target("ate"))
REFUSAL = Refusal((ATE,), (Broken("balance", "balance", 0.4, 0.25, "too far"),), "trim")


def finding(*answers: Answer, **more) -> Finding:
    study = Study("s", "q?", estimators=("ipw",))
    return Finding(study, answers, primary=("ipw",), members=np.arange(5), **more)


def answer(value: float = -0.15, error: float = 0.06, **more) -> Answer:
    spread = Influence(np.array([[error], [0.0]]), np.arange(2))
    estimate = Estimate((ATT,), np.array([value]), spread, n=np.array([7]), interval=("normal",))
    return Answer("ipw", estimate, **more)


def test_a_ratio_is_shown_as_a_ratio_and_its_error_stays_on_the_log() -> None:
    result = clear(finding(answer())).results[0]
    assert result.value == pytest.approx(np.exp(-0.15))
    assert result.se == pytest.approx(0.06)
    assert result.lo == pytest.approx(np.exp(-0.15 - 1.959963984540054 * 0.06))
    assert result.hi == pytest.approx(np.exp(-0.15 + 1.959963984540054 * 0.06))


@pytest.mark.parametrize(
    ("answers", "refusals", "status"),
    [
        ((answer(),), (), "answered"),
        ((answer(),), (REFUSAL,), "partly refused"),
        ((), (REFUSAL,), "refused"),
        ((dataclasses.replace(answer(), leaf="naive"),), (REFUSAL,), "refused"),
    ],
)
def test_status_counts_primary_answers(answers, refusals, status: str) -> None:
    assert clear(finding(*answers, refusals=refusals)).status == status


def test_an_extrapolation_is_no_answer() -> None:
    beyond = Answer("g_formula", extrapolated=answer().estimate)
    output = clear(finding(beyond, refusals=(REFUSAL,)))
    assert output.results == ()
    assert [result.role for result in output.extrapolations] == ["extrapolation"]
    assert output.covariance == ()


def test_warnings_go_to_their_term() -> None:
    told = answer(warnings=((ATT, "few"), (ATE, "other")))
    assert clear(finding(told)).results[0].warnings == ("few",)


def test_no_array_and_no_member_key_passes() -> None:
    """An output is made of plain values: nothing that could hold a row a child."""

    def arrays(value: object) -> bool:
        if isinstance(value, np.ndarray):
            return True
        if dataclasses.is_dataclass(value):
            return any(arrays(getattr(value, f.name)) for f in dataclasses.fields(value))
        return isinstance(value, tuple | list | dict) and any(arrays(item) for item in value)

    output = clear(finding(answer()))
    assert not arrays(output)
    assert "members" not in {f.name for f in dataclasses.fields(output)}


def test_policies() -> None:
    assert clear(finding(answer()), release="none").clearance == "public"
    assert clear(finding(answer())).clearance == "inside"
    with pytest.raises(UsageError, match=r'"insde" is not a policy here. Did you mean "inside"'):
        clear(finding(answer()), release="insde")


def test_an_unknown_policy_is_told_with_the_menu() -> None:
    with pytest.raises(UsageError, match=r"There are: none, inside or ons_srs\."):
        policy("zebra")
