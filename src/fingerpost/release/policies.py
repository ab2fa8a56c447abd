"""Release policies as data."""

from __future__ import annotations

from dataclasses import dataclass

from fingerpost.core.errors import UsageError, listed, nearest


@dataclass(frozen=True, slots=True)
class Policy:
    """A policy: the clearance an output has under it, and a sentence for its readers.

    exact: whether extremes and largest shares are shown as they are.
    """

    name: str
    clearance: str
    words: str
    exact: bool = True


POLICIES = {
    policy.name: policy
    for policy in (
        Policy("none", "public", "The records are public: nothing is withheld, nothing rounded."),
        Policy(
            "inside",
            "inside",
            "Not cleared: for the secure room only. Nothing here may leave it as it is.",
        ),
    )
}


# Names that studies may give already, of policies that are to come.
RESERVED = ("ons_srs",)


def policy(name: str) -> Policy:
    """Return a policy by name; raises UsageError with the menu.

    >>> policy("none").clearance
    'public'
    """
    if name in RESERVED:
        raise UsageError(f"release.policy: {name} is not built yet; use {listed(POLICIES)}.")
    if name not in POLICIES:
        raise UsageError(
            f'release.policy: "{name}" is not a policy here.{nearest(name, POLICIES)} '
            f"There are: {listed(POLICIES)}."
        )
    return POLICIES[name]
