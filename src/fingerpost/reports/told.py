"""What a study tells its estimators besides the protocol: instrument, cut-off, clusters, subgroups,
who was seen.
"""

from __future__ import annotations

from fingerpost.core.output import Output
from fingerpost.core.protocol import term_words
from fingerpost.core.words import listing, sentence


def told(output: Output) -> tuple[str, ...]:
    """Return, a sentence each, what estimators were told; empty where nothing was.

    Options that say what an answer rests on are told as their leaf has it, all others by name.
    """
    study, found = output.study, []
    for leaf, options in study.options:
        named = dict(options)
        words = [
            text.format(value=shown(named.pop(name)))
            for name, text in output.described(leaf).said
            if name in named
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
