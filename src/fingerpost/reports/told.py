"""What a study tells its estimators besides the protocol: instrument, cut-off, clusters, subgroups,
who was seen.
"""

from __future__ import annotations

from fingerpost.core.protocol import term_words
from fingerpost.core.study import Study
from fingerpost.core.words import listing, sentence

# Options that say what an answer rests on, as sentences; all others are listed by name.
SAID = {
    ("iv", "instrument"): "the instrument is {value}",
    ("rdd", "running"): "a rule gives provision by {value}",
    ("rdd", "cutoff"): "the cut-off is {value}",
    ("within", "level"): "children are compared within each {value}",
}


def told(study: Study) -> tuple[str, ...]:
    """Return, a sentence each, what estimators were told; empty where nothing was."""
    found = []
    for leaf, options in study.options:
        named = dict(options)
        words = [
            text.format(value=shown(named.pop(name)))
            for (owner, name), text in SAID.items()
            if owner == leaf and name in named
        ]
        words += [f"{name.replace('_', ' ')}: {shown(value)}" for name, value in named.items()]
        if words:
            found.append(sentence(f"{leaf}: {'; '.join(words)}"))
    if study.models.censoring is not None:
        found.append(
            "Whose outcome was seen is modelled by arm and "
            f"{term_words(study.models.censoring)}; those seen are weighted to stand for all."
        )
    if study.estimand.subgroups:
        names = listing(study.estimand.subgroups)
        found.append(
            f"Subgroups, declared before the run: every value of {names}, each a question of its "
            "own."
        )
    return tuple(found)


def shown(value: object) -> str:
    """Return an option's value in words."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, tuple | list):
        return listing([shown(each) for each in value])
    return f"{value:g}" if isinstance(value, float) else str(value)
