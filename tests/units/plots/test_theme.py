"""How a chart becomes a picture: what Altair is spared must change nothing of the chart."""

from __future__ import annotations

import itertools
from contextlib import nullcontext
from typing import Any

import altair as alt
import pytest
from altair.utils import schemapi

from fingerpost.plots import _theme
from fingerpost.reports.write import html
from units.reports.fixtures import clean


def specified(monkeypatch: pytest.MonkeyPatch) -> list[dict[str, Any]]:
    """Return the specification of every picture of a report."""
    found: list[dict[str, Any]] = []
    # Altair names views by counting charts.
    monkeypatch.setattr(alt.Chart, "_counter", itertools.count(), raising=False)

    def kept(spec: dict[str, Any], **_: str) -> str:
        found.append(spec)
        return "<svg></svg>"

    monkeypatch.setattr(_theme, "svg", kept)
    html(clean(), "tables")
    return found


def test_plain_copies_make_the_charts_that_altairs_own_make(monkeypatch):
    own = schemapi._deep_copy
    plain = specified(monkeypatch)
    assert schemapi._deep_copy is own
    monkeypatch.setattr(_theme, "plain_copies", nullcontext)
    assert len(plain) > 10 and plain == specified(monkeypatch)


def test_a_copy_shares_nothing_that_can_change():
    layer = alt.Chart(alt.Data(values=[{"x": 1}])).mark_point().encode(x=alt.X("x:Q", title="one"))
    both = alt.layer(layer, layer.mark_line())
    twin = _theme.copied(both, set())
    before = both.to_dict()
    twin.layer[0].encoding.x.title = "two"
    twin.data.values[0]["x"] = 2
    assert both.to_dict() == before != twin.to_dict()
