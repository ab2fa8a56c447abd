"""What a plan needs to be registered as confirmatory, and where it says so."""

from __future__ import annotations

import json
import shutil

import pytest

from fingerpost.core.errors import Malformed, UsageError
from fingerpost.studies.rollouts.confirming import KIND, confirm
from fingerpost.studies.rollouts.drawing import draw
from fingerpost.studies.rollouts.registering import register
from fingerpost.studies.rollouts.verifying import verify
from units.studies.rollouts.draws import drand, study_of, write_study

NAMED = {
    "primary": (
        "estimand: {target: exposure_average}",
        "estimand: {target: exposure_average}\n"
        "outcomes: {y: {column: y}}\n"
        "estimators: [gls_exposure_time, random_timing]\n"
        "primary: [gls_exposure_time]",
    )
}


def rehearsal(study, **more: object) -> bytes:
    said = {
        "schema_version": "1",
        "kind": KIND,
        "study": study.name,
        "study_digest": study.digest(),
        "draws": 1000,
        "preselected": "gls_exposure_time",
        "holds": ["gls_exposure_time"],
    }
    return json.dumps({**said, **more}).encode()


@pytest.fixture
def plan(tmp_path):
    return write_study(tmp_path, **NAMED)


def test_a_plan_that_was_rehearsed_is_registered_as_confirmatory_and_verified(plan, tmp_path):
    study, out = study_of(plan), tmp_path / "out"
    file = rehearsal(study)
    given = {"study_file": plan.read_bytes()}
    made = register(study, tmp_path, out=out, rehearsal=file, **given)
    assert made.frozen.plan["registered_as"] == "confirmatory"
    assert json.loads((out / "plan.json").read_bytes())["rehearsal"]
    assert (out / "rehearsal.json").read_bytes() == file
    # The second call, with the pulse, need not name it again.
    again = register(study, tmp_path, out=out, **given)
    assert again.commitment == made.commitment and not again.new
    draw(out, drand())
    assert verify(out).faults == ()
    other = tmp_path / "other"
    shutil.copytree(out, other)
    (other / "rehearsal.json").write_bytes(rehearsal(study, draws=2000))
    assert any("rehearsal.json: its digest" in fault for fault in verify(other).faults)


def test_without_a_rehearsal_a_plan_is_exploratory(plan, tmp_path):
    study = study_of(plan)
    made = register(study, tmp_path, out=tmp_path / "out", study_file=plan.read_bytes())
    assert made.frozen.plan["registered_as"] == "exploratory"
    assert not (tmp_path / "out" / "rehearsal.json").exists()
    with pytest.raises(UsageError, match="registered_as"):
        register(
            study,
            tmp_path,
            out=tmp_path / "out",
            study_file=plan.read_bytes(),
            rehearsal=rehearsal(study),
        )


def test_every_reason_against_it_is_told_at_once_and_nothing_is_written(plan, tmp_path):
    study = study_of(plan)
    with pytest.raises(UsageError) as found:
        register(
            study,
            tmp_path,
            out=tmp_path / "out",
            rehearsal=rehearsal(study, study_digest="0", draws=500, holds=["random_timing"]),
        )
    told = " ".join(found.value.problems)
    assert "another plan" in told and "500 draws; 1,000" in told
    assert "gls_exposure_time had over 7%" in told and "Held: random_timing." in told
    assert "registered as exploratory" in told
    assert not (tmp_path / "out").exists()


def test_a_primary_estimator_is_named_before_the_draw(tmp_path):
    old, new = NAMED["primary"]
    path = write_study(tmp_path, primary=(old, new.replace("\nprimary: [gls_exposure_time]", "")))
    study = study_of(path)
    with pytest.raises(UsageError, match=r"primary: \[gls_exposure_time\]"):
        confirm(study, rehearsal(study))


@pytest.mark.parametrize("content", [b"", b"{}", b"[]", b'{"kind": "power of a roll-out"}'])
def test_another_file_is_no_rehearsal(plan, content):
    with pytest.raises(Malformed, match="no file such as"):
        confirm(study_of(plan), content)


@pytest.mark.parametrize(
    ("outcome", "told"),
    [
        ({"own_draws": False, "laid_units": 44, "planned_units": 26}, "44 units, which are not"),
        ({"own_draws": False, "laid_units": 26, "planned_units": 26}, ""),
        ({"own_draws": True, "laid_units": 20, "planned_units": 26}, ""),
        ({"own_draws": True, "periods_alike": False, "laid_on": ["2019"]}, "another length"),
    ],
)
def test_a_rehearsal_on_another_past_confirms_nothing(plan, outcome, told):
    study = study_of(plan)
    file = rehearsal(study, outcomes=[{"outcome": "y", **outcome}])
    if not told:
        confirm(study, file)
        return
    with pytest.raises(UsageError, match=told):
        confirm(study, file)
