"""A table with what disclosure control needs to judge it."""

from __future__ import annotations

from dataclasses import dataclass, field

from fingerpost.core.tells import Tells

Cell = str | int | float | bool | None
KINDS = ("label", "count", "number", "share", "flag")


@dataclass(frozen=True, slots=True)
class Table:
    """Rows of cells under named columns.

    kinds: one a column: `label` (words), `count` (children, rounded and suppressed by policy),
    `number`, `share` (0-1), `flag`. counts: for each row the smallest number of children behind a
    cell; clusters: likewise; shares: the two largest shares of one child (or cluster) in the row's
    figures, where that can disclose. residual_df: of the model behind the table.
    context: what the table is, in a sentence; note: a caution for its readers. tells: what part it
    plays in a report, and in which units its numbers are. leaf: who drew it up, where neither a
    column nor a tag `estimator` says so.
    """

    name: str
    title: str
    columns: tuple[str, ...]
    kinds: tuple[str, ...]
    rows: tuple[tuple[Cell, ...], ...]
    counts: tuple[int | None, ...] = ()
    clusters: tuple[int | None, ...] = ()
    shares: tuple[tuple[float, float] | None, ...] = ()
    residual_df: int | None = None
    context: str = ""
    note: str = ""
    tags: tuple[tuple[str, Cell], ...] = field(default=())
    tells: Tells = Tells()
    leaf: str = ""

    def __post_init__(self) -> None:
        """Keep cells as Python's own: NumPy's are written otherwise, as np.float64(0.2)."""
        if any(hasattr(cell, "dtype") for row in self.rows for cell in row):
            plain = tuple(tuple(_plain(cell) for cell in row) for row in self.rows)
            object.__setattr__(self, "rows", plain)

    def plays(self, role: str) -> bool:
        """Return whether the table plays a part, with every column that the part needs."""
        return self.tells.role == role and set(self.tells.needs) <= set(self.columns)

    def column(self, name: str) -> tuple[Cell, ...]:
        """Return one column's cells."""
        at = self.columns.index(name)
        return tuple(row[at] for row in self.rows)

    def records(self) -> list[dict[str, Cell]]:
        """Return the rows as dictionaries."""
        return [dict(zip(self.columns, row, strict=True)) for row in self.rows]

    def tag(self, name: str) -> Cell:
        """Return one tag (outcome, contrast, target …), or None."""
        return dict(self.tags).get(name)


def _plain(cell: Cell) -> Cell:
    """Return a cell as Python's own."""
    item = getattr(cell, "item", None)
    found: Cell = cell if item is None else item()
    return found
