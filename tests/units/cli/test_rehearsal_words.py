"""A rehearsal's page in words: no name that only a machine needs."""

from __future__ import annotations

from fingerpost.cli._rehearsal_words import called, speaking, upper


def test_names_become_words_and_nothing_else_does() -> None:
    say = speaking(["gls_exposure_time", "did"], ["exposure_average"])
    assert say(upper("exposure_average: gls_exposure_time finds 1; did finds 2.")) == (
        "Exposure average: least squares by exposure finds 1; differences in differences finds 2."
    )
    # An estimator whose name is a word of any sentence.
    assert say("The primary estimator, did, did not hold") == (
        "The primary estimator, differences in differences, did not hold"
    )
    assert say("did") == "differences in differences"
    assert say("`did` and my_did stay") == "`did` and my_did stay"
    assert called("ancova") == "analysis of covariance"
