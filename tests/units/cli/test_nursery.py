"""The demonstration's third card: power, forty allocations, and a byte that was changed."""

from __future__ import annotations

import re
from html.parser import HTMLParser

import pytest

from fingerpost.cli import _nursery


class Links(HTMLParser):
    """Where the links of a page lead."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []

    def handle_starttag(self, tag, attrs):
        """Keep where a link leads."""
        self.found += [value for name, value in attrs if tag == "a" and name == "href"]


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """Return the folder, the card and what was said."""
    out = tmp_path_factory.mktemp("demo")
    return out, *_nursery.card(out, say=lambda _: None)


def test_the_changed_entry_is_named(made):
    _, _, shown = made
    # The trial is opened by entry 1, so that the allocation of child n is entry n + 1.
    assert f"entry {_nursery.CHANGED + 1}: the field body was changed" in shown.changed


def test_forty_children_are_in_both_arms_alike_to_within_a_block(made):
    _, _, shown = made
    several, one, other = map(int, re.findall(r"\d+", shown.allocated))
    assert several == one + other == 40
    assert abs(one - other) <= 6  # two strata, blocks of at most 6


def test_links_of_pages_lead_somewhere(made):
    out, card, _ = made
    for page in ("trial.html", "power.html"):
        links = Links()
        links.feed((out / _nursery.NAME / page).read_text(encoding="utf-8"))
        leads = [each for each in links.found if not each.startswith("#")]
        assert [each for each in leads if not (out / _nursery.NAME / each).is_file()] == []
        assert leads or page == "power.html"
    assert (out / card.csv).is_file()
    assert (out / card.href).is_file()


def test_it_can_be_made_again(made):
    out, _, _ = made
    _, shown = _nursery.card(out, say=lambda _: None)
    assert "was changed" in shown.changed
