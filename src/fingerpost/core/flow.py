"""Who left, why, and who stayed: no child disappears in silence."""

from __future__ import annotations

from dataclasses import dataclass, replace


@dataclass(frozen=True, slots=True)
class FlowStep:
    """One step: `left` children left for `reason`; `remaining` stayed."""

    reason: str
    left: int
    remaining: int
    outcome: str | None = None


@dataclass(frozen=True, slots=True)
class Flow:
    """The steps from the records to the children analysed. `start` is the rows read.

    counts: what is counted, where it is not children: a child may enter several trials. copied:
    whether each child stands in every arm as a copy of it, as where strategies are sustained over
    time; the steps then count children, and each arm holds all who remain. ends: what those
    counted by arm at the end are; empty where each name says it itself.
    """

    start: int = 0
    steps: tuple[FlowStep, ...] = ()
    arms: tuple[tuple[str, int], ...] = ()
    counts: str = "children"
    copied: bool = False
    ends: str = "analysed"

    def then(self, reason: str, left: int, *, outcome: str | None = None) -> Flow:
        """Return the flow with one more step.

        >>> Flow(10).then("no outcome", 3).steps[-1].remaining
        7
        """
        step = FlowStep(reason, left, self.remaining - left, outcome)
        return replace(self, steps=(*self.steps, step))

    @property
    def remaining(self) -> int:
        """Children who stayed after the last step that concerns every outcome."""
        common = [step for step in self.steps if step.outcome is None]
        return common[-1].remaining if common else self.start
