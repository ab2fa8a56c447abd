"""The validation pack: laws of guessing, chances that are not as designed are seen."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from importlib.metadata import EntryPoint
from pathlib import Path

import numpy as np
import pytest

from fingerpost.cli.trial_validate import drawn_words
from fingerpost.core import leaves
from fingerpost.core.errors import UsageError
from fingerpost.studies.document import read_study
from fingerpost.studies.trials import validating
from fingerpost.studies.trials.validating import (
    Validated,
    chances,
    guesses,
    record,
    tables,
    validated,
    verdicts,
)

STUDY = """\
study: trial
question: Does more help?
trial:
  arms: {{usual: {{gets: usual, offer: usual}}, more: {{gets: more}}}}
  size: 24
  known: {{area: [north, south]}}
  {more}
  plans: kept
assignment: {{randomised: {{design: {design}, unit: {unit}{strata}}}}}
"""


def made(tmp_path: Path, monkeypatch, draws=1_000, unit="child", **said) -> Validated:
    monkeypatch.setattr(validating, "LEAST", 10)
    path = tmp_path / "trial.yaml"
    words = {"more": "blocks: [4]", "design": "stratified", "strata": ", strata: [area]", **said}
    path.write_text(STUDY.format(unit=unit, **words), encoding="utf-8")
    return validated(read_study(path), tmp_path, draws=draws)


def test_a_fair_allocation_holds_and_one_that_leans_does_not(tmp_path, monkeypatch):
    found = made(tmp_path, monkeypatch)
    assert found.same and all(holds for _, holds, _ in verdicts(found))
    assert chances(found)[1] < chances(found)[2]
    leaning = found.codes.copy()
    leaning[: len(leaning) // 5, 3] = 1
    assert not dict((what, holds) for what, holds, _ in verdicts(replace(found, codes=leaning)))[
        "chances"
    ]


def test_guessing_is_as_blackwell_and_hodges_say(tmp_path, monkeypatch):
    """Blocks of four: of the four arms 5/6 + … are right; the expected excess of right guesses of a
    random allocation of 2m units is 4^m / C(2m, m) / 2 − 1/2: for m = 2, 5/6 beyond 2 of 4.
    """
    found = made(tmp_path, monkeypatch, draws=4_000)
    own = found.codes[:, found.strata == 0]
    whole = replace(found, codes=own[:, : own.shape[1] // 4 * 4])
    share = guesses(whole, np.zeros(whole.codes.shape[1], dtype=np.int64))
    assert share.mean() == pytest.approx((2 + (4**2 / 6 - 1) / 2) / 4, abs=0.01)
    simple = made(tmp_path, monkeypatch, draws=2_000, design="simple", more="", strata="")
    luck = guesses(simple, np.zeros(24, dtype=np.int64))
    assert luck.mean() == pytest.approx(0.5, abs=0.01)


def test_the_pack_has_what_an_auditor_asks(tmp_path, monkeypatch):
    found = made(tmp_path, monkeypatch, draws=300)
    named = {table.name: table for table in tables(found)}
    assert set(named) == {"arms", "balance", "guesses", "runs", "golden", "digests", "units"}
    assert {"all units", "stratum north", "area south"} <= set(named["balance"].column("among"))
    # No stratum of blocks of four has arms more than two apart.
    rows = {row["among"]: row for row in named["balance"].records()}
    assert rows["stratum north"]["most"] <= 2
    assert len(named["units"].rows) == 24 and len(named["golden"].rows) == 3
    told = record(found)
    assert told["draws_digest"] == hashlib.sha256(found.codes.astype(">u2").tobytes()).hexdigest()
    assert told["files"]["designs/stratified.py"]
    again = made(tmp_path, monkeypatch, draws=300)
    assert again.digest == found.digest and again.golden == found.golden


def test_golden_vectors_are_what_the_design_gives_under_their_seeds(tmp_path, monkeypatch):
    from fingerpost.studies.trials.designing import procedure_of

    found = made(tmp_path, monkeypatch, draws=10)
    seed, arms = found.golden[1]
    one = procedure_of(found.study).step(found.trial, found.units, bytes.fromhex(seed))
    assert "AB"[one.arm] == arms[0]


def test_a_register_is_drawn_whole(tmp_path, monkeypatch):
    (tmp_path / "schools.csv").write_text(
        "code,area,fsm\n" + "".join(f"s{at:02d},{'ns'[at % 2]},{at * 1.5}\n" for at in range(12)),
        encoding="utf-8",
    )
    more = "register: {table: schools.csv, unit: code}\n  draw: {balance: [fsm], accept: 0.2}"
    found = made(tmp_path, monkeypatch, draws=50, unit="school", design="cluster", more=more)
    assert not found.step and found.names == ("n", "s")
    assert (np.stack([(found.codes == 1)[:, found.strata == s].sum(1) for s in (0, 1)]) == 3).all()
    assert {"arms", "balance", "golden", "digests", "units"} == {t.name for t in tables(found)}


def test_as_many_allocations_are_drawn_as_are_asked_or_all_that_there_are(tmp_path, monkeypatch):
    """Once a draw that keeps 10 of 100 candidates was validated by 10, whatever was asked."""
    (tmp_path / "schools.csv").write_text(
        "code,area,fsm\n" + "".join(f"s{at:02d},{'ns'[at % 2]},{at * 1.5}\n" for at in range(12))
    )
    more = "register: {table: schools.csv, unit: code}\n  draw: {balance: [fsm], accept: 0.1"
    for rest, whole in ((", candidates: 100}", True), ("}", False)):
        found = made(
            tmp_path, monkeypatch, draws=50, unit="school", design="cluster", more=more + rest
        )
        # Of 20 × 20 draws of 6 in 12 within two areas a tenth is kept, with those tied.
        many = len(found.codes)
        assert many == 50 if whole else 40 <= many < 50
        assert len(np.unique(found.codes, axis=0)) > 20
        assert ("50 were asked" in drawn_words(found)) == (many < 50)


def test_a_design_that_another_package_brings_is_validated_with_its_own_file(tmp_path, monkeypatch):
    """Once its file was sought among our own: ModuleNotFoundError."""
    (tmp_path / "elsewhere_design.py").write_text(
        "from dataclasses import replace\n"
        "from fingerpost.designs import stratified\n"
        "ELSEWHERE = replace(stratified.STRATIFIED, title='Made elsewhere')\n",
        encoding="utf-8",
    )
    monkeypatch.syspath_prepend(tmp_path)
    point = EntryPoint("elsewhere", "elsewhere_design", "fingerpost.designs")
    monkeypatch.setattr(leaves, "_brought", lambda room: (point,) if room == "designs" else ())
    found = made(tmp_path, monkeypatch, draws=20, design="elsewhere")
    own = (tmp_path / "elsewhere_design.py").read_bytes()
    name = f"{tmp_path.name}/elsewhere_design.py"
    assert found.files[name] == hashlib.sha256(own).hexdigest()


def test_too_few_draws_are_refused(tmp_path):
    path = tmp_path / "trial.yaml"
    path.write_text(
        STUDY.format(more="", design="simple", strata="", unit="child"), encoding="utf-8"
    )
    with pytest.raises(UsageError, match="10,000 draws or more"):
        validated(read_study(path), tmp_path, draws=9_999)
