"""A table as it may leave: judged by the kinds of its columns, whatever leaf drew it up."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from itertools import combinations, pairwise

from fingerpost.core.table import KINDS, Cell, Table
from fingerpost.release.curves import coarse
from fingerpost.release.guards import guard_row
from fingerpost.release.known import PARAMETERS, WHOLE_ARM, Known, cell_key
from fingerpost.release.rounding import Ladder, band, ladder, nearest, significant
from fingerpost.release.suppression import Partition, suppressed

Row = dict[str, Cell]
Marks = list[list[str]]

# Numbers that are counts, though their column says `number`.
COUNT_LIKE = ("effective", "events", "exposure", "children", "pairs", "sets", "matched", "clusters")
STATISTICS = ("effective_f",)  # of which the name alone begins as a count's
COUNT_NAMES = ("n", "df", "schools", "observed", "size", "used", "left", "kept", "strata", "units")
# Numbers that come from one child or cluster: told in bands where they are shares, else not at all.
EXTREMES = ("largest", "smallest", "greatest", "least", "min", "max", "lowest", "highest")
# Numbers that are shares of children where the outcome or the covariate has two values.
MEANS = ("mean", "risk", "survival", "prevalence", "incidence", "share")
SPREADS = ("sd", "variance")
# Shares of an arm as time goes on, whatever the outcome's kind.
CURVES = ("risk", "survival", "incidence")
# The p-value of a test on counts, in full, tells the counts.
TESTS = ("p",)
NOTHING = 1e-9
# Counts of those who are left: two of them may tell of those who went between.
NESTED = ("at_risk", "remaining", "risk_set", "left_in")
SAFE_TAGS = ("outcome", "contrast", "target", "scale", "unit", "arm", "estimator", "summary")
# Of a table about an outcome these say nothing of the outcome.
NOT_OF_OUTCOME = ("guard", "balance", "weights", "overlap", "overlap_subgroups", "trim", "trim_who")
FIXED = ("assumptions",)
# A flag, or a level, that exists only where a value of somebody's was not recorded.
MISSING = " missing"
MOST_LABELS = 5

FEW = "few"
SECONDARY = "secondary"
WHY = {
    FEW: "{few} children, or none, stand behind a number, or are left out by it",
    SECONDARY: "with the totals that are shown it would tell a number that is not",
    "clusters": "{few} clusters stand behind it",
    "dominance": "one or two hold too much of it",
    "df": "fewer than {residual_df} residual degrees of freedom",
    "kind": "a kind of column that the policy does not know",
    "extreme": "an extreme tells of one child",
    "events": "{few} children of an arm had the event, or had it not",
    "exact": "a number that equals a count exactly",
    "words": "words that hold numbers of children",
    "trimmed": "{few} children, or none, were left out of it",
    "left": "{few} children, or none, left",
}


@dataclass(slots=True)
class Draft:
    """A table on its way out: its rows, and the places of those that each rule touched."""

    table: Table
    rows: list[Row | None]
    reasons: dict[str, set[int]] = field(default_factory=dict)

    def note(self, rule: str, at: int) -> None:
        """Remember that a rule withheld something of a row."""
        self.reasons.setdefault(rule, set()).add(at)

    def drop(self, at: int, rule: str) -> None:
        """Take out a row."""
        if self.rows[at] is not None:
            self.rows[at] = None
            self.note(rule, at)


def prepared(table: Table, known: Known) -> tuple[Table | None, dict[str, int]]:
    """Return a table as it may leave, None where it may not, and how often each rule stopped what.

    A row whose numbers are all withheld is no row: that it is missing tells only that it was small,
    or that it was needed to hide one that was.
    """
    if table.name in FIXED:
        return table, {}
    table = coarse(table)
    if table.residual_df is not None and table.residual_df < known.rules.residual_df:
        return None, {"df": len(table.rows)}
    asked = (table.tag("outcome"), table.tag("contrast"), table.tag("target"))
    if known.withheld(*asked) or _of_rare_outcome(table, table.tag("outcome"), known):
        return None, {}  # told of once, where the question is
    draft = Draft(table, [dict(row) for row in table.records()])
    _unknown_kinds(draft)
    _rows_that_may_not(draft, known)
    if {"rule", "measured", "words"} <= set(table.columns):
        _guards(draft, known)
    else:
        marks = _counts(draft, known)
        _partitions(draft, marks, known)
        _numbers(draft, known)
    return _finished(draft, known), {rule: len(places) for rule, places in draft.reasons.items()}


def _of_rare_outcome(table: Table, outcome: Cell, known: Known) -> bool:
    """Return whether figures are of an outcome that too few had, or had not, in an arm."""
    return outcome in known.rare and table.name not in ("outcomes", *NOT_OF_OUTCOME)


def kind_of(table: Table, name: str) -> str:
    """Return the kind of a column."""
    return table.kinds[table.columns.index(name)]


def columns_of(table: Table, *kinds: str) -> list[str]:
    """Return the columns of some kinds."""
    return [n for n, k in zip(table.columns, table.kinds, strict=True) if k in kinds]


def _unknown_kinds(draft: Draft) -> None:
    for name, kind in zip(draft.table.columns, draft.table.kinds, strict=True):
        if kind not in KINDS:
            for at, row in enumerate(draft.rows):
                if row is not None:
                    row[name] = None
                    draft.note("kind", at)


# ------------------------------------------------------------------------------- rows
def _rows_that_may_not(draft: Draft, known: Known) -> None:
    """Take out rows of hidden levels, of few clusters, and those that one or two children hold."""
    table, rules = draft.table, known.rules
    labels = columns_of(table, "label")
    for at, row in enumerate(table.records()):
        names = [str(row[name]) for name in labels if row[name] is not None]
        counted = table.name in ("baseline", "overlap_subgroups")
        gone = known.gone if counted else known.gone_elsewhere
        pairs = {f"{first} = {second}" for first, second in pairwise(names)}
        if gone & (pairs | set(names)):
            if any(name.endswith(MISSING) for name in (gone & (pairs | set(names)))):
                draft.rows[at] = None  # that it was there at all tells that somebody's was missing
            draft.drop(at, FEW)
        asked = (row.get(name, table.tag(name)) for name in ("outcome", "contrast", "target"))
        if _of_rare_outcome(table, row.get("outcome"), known) or known.withheld(*asked):
            draft.rows[at] = None  # told of once, where the question is
        clusters = table.clusters[at] if at < len(table.clusters) else None
        if clusters is not None and clusters < rules.threshold:
            draft.drop(at, "clusters")
        shares = table.shares[at] if at < len(table.shares) else None
        held = row.get("largest_cluster_share"), row.get("largest_share")
        most = max([float(each) for each in held if isinstance(each, int | float)], default=0.0)
        one, two = (most, most) if shares is None else (max(most, shares[0]), sum(shares))
        if one > rules.one or two > rules.two:
            draft.drop(at, "dominance")


def _guards(draft: Draft, known: Known) -> None:
    for at, row in enumerate(draft.rows):
        if row is not None:
            told = guard_row(row, known)
            if told is None:
                draft.drop(at, FEW)
            else:
                draft.rows[at] = told


# ----------------------------------------------------------------------------- counts
def behind(table: Table, at: int) -> int | None:
    """Return the smallest number of children behind a row, where the table says."""
    return table.counts[at] if at < len(table.counts) else None


def _counts(draft: Draft, known: Known) -> dict[str, list[int | None]]:
    """Withhold what too few children stand behind; return the true counts by column."""
    table, least = draft.table, known.rules.threshold
    names = [n for n in columns_of(table, "count", "number") if count_like(table, n)]
    nested = _nested(table, names, known)
    for at, row in enumerate(draft.rows):
        if row is None:
            continue
        few = behind(table, at)
        if (few is not None and few < least) or _rare(table, row, known):
            draft.note(FEW, at)
            for name in columns_of(table, "number", "share", "flag"):
                row[name] = None
            if "events" in row:
                row["events"] = None
        _within(draft, at, row, names=names, known=known, nested=nested)
    return {name: [_integer(row[name]) for row in table.records()] for name in names}


def _integer(cell: Cell) -> int | None:
    whole = isinstance(cell, int | float) and not isinstance(cell, bool) and math.isfinite(cell)
    return int(cell or 0) if whole and float(cell or 0).is_integer() else None


def _rare(table: Table, row: Row, known: Known) -> bool:
    """Return whether a row of observed outcomes tells of too few who had the event, or had not."""
    return table.name == "outcomes" and row.get("arm") in known.rare.get(str(row["outcome"]), ())


def _nested(table: Table, names: list[str], known: Known) -> dict[tuple[str, Cell], Ladder]:
    """Return a ladder, by column and arm, for counts of those who are left as time goes on."""
    found: dict[tuple[str, Cell], list[int]] = {}
    for name in names:
        for row in table.records() if name in NESTED else ():
            count = _integer(row[name])
            if count is not None:
                found.setdefault((name, row.get("arm")), []).append(count)
    return {key: ladder(counts, known.rules) for key, counts in found.items()}


def count_like(table: Table, name: str) -> bool:
    """Return whether a column holds counts, whatever its kind says."""
    if kind_of(table, name) == "count":
        return True
    if name in COUNT_NAMES or (name.split("_")[0] in COUNT_LIKE and name not in STATISTICS):
        return True
    if kind_of(table, name) != "number" or name in PARAMETERS:
        return False
    # Numbers that are whole by their making count something: what, a table need not have said.
    cells = [cell for cell in table.column(name) if cell is not None]
    return bool(cells) and all(type(cell) is int for cell in cells)


def _within(
    draft: Draft,
    at: int,
    row: Row,
    *,
    names: list[str],
    known: Known,
    nested: dict[tuple[str, Cell], Ladder],
) -> None:
    """Show the counts of one row: rounded, as their arm's, or not; none by subtraction from others
    of the row.
    """
    values = {name: float(str(row[name])) for name in names if _is_number(row[name])}
    hidden = {name for name, value in values.items() if value < known.rules.threshold}
    arm = str(row["arm"]) if "arm" in row else None
    for total, parts in _sums(values):
        counts = [round(values[name]) for name in parts]
        whole = Partition(tuple(range(len(parts))), round(values[total]))
        more = suppressed(counts, [whole], known.rules)
        # A part that lies as close to its arm as to be shown alike tells of nobody.
        hidden |= {parts[each] for each in more if not _as_arm(known, arm, counts[each])}
    for name, value in values.items():
        own = nested.get((name, row.get("arm"))) or known.cells.get(cell_key(draft.table, at, name))
        told = known.of_arm(arm, value) if own is None else own.shown(value)
        row[name] = None if name in hidden else told
        if row[name] is None:
            draft.note(FEW if value < known.rules.threshold else SECONDARY, at)


def _as_arm(known: Known, arm: str | None, count: int) -> bool:
    own = known.ladders.get(arm or "")
    return own is not None and count >= known.rules.threshold and own.holds(count)


def _sums(values: dict[str, float]) -> Iterator[tuple[str, tuple[str, ...]]]:
    """Yield each count of a row that is the sum of two or three others, with those. Of a total and
    a part that are equal the first is the total.
    """
    names = list(values)
    for at, total in enumerate(names):
        earlier = [name for name in names[:at] if values[name] != values[total]]
        others = [*earlier, *names[at + 1 :]]
        for size in (2, 3):
            for parts in combinations(others, size):
                if sum(values[name] for name in parts) == values[total] > 0:
                    yield total, parts


def _partitions(draft: Draft, true: dict[str, list[int | None]], known: Known) -> None:
    """Withhold further counts, so that none can be got from those below it and a known total; then
    give every total that stands in the table itself the sum of what is shown.
    """
    for name in columns_of(draft.table, "count"):
        places = [at for at, count in enumerate(true[name]) if count is not None]
        counts = [true[name][at] or 0 for at in places]
        found, inner = _groups(draft, places, counts, known)
        already = [at for at, place in enumerate(places) if _cell(draft.rows[place], name) is None]
        if any(counts[at] < known.rules.threshold for part in found for at in part.cells):
            for at in suppressed(counts, found, known.rules, already=already):
                if at not in already:
                    draft.drop(places[at], SECONDARY)
        _totals(draft, name, [(places[t], [places[at] for at in parts]) for t, parts in inner])


def _groups(
    draft: Draft, places: list[int], counts: list[int], known: Known
) -> tuple[list[Partition], list[tuple[int, tuple[int, ...]]]]:
    """Return the groups of cells whose sum is known elsewhere, and the totals within the table with
    the cells that they are sums of.
    """
    labels = columns_of(draft.table, "label")[:MOST_LABELS]
    rows = [dict(zip(draft.table.columns, draft.table.rows[at], strict=True)) for at in places]
    found: dict[tuple[int, ...], int] = {}
    inner: dict[int, tuple[int, ...]] = {}
    for size in range(len(labels) + 1):
        for chosen in combinations(labels, size):
            grouped: dict[tuple[Cell, ...], list[int]] = {}
            for at, row in enumerate(rows):
                grouped.setdefault(tuple(row[name] for name in chosen), []).append(at)
            for cells in grouped.values():
                _group(cells, counts, known, found, inner)
    return [Partition(cells, total) for cells, total in found.items()], list(inner.items())


def _group(
    cells: list[int],
    counts: list[int],
    known: Known,
    found: dict[tuple[int, ...], int],
    inner: dict[int, tuple[int, ...]],
) -> None:
    """Add what one group of cells is: parts of a known total, or parts with their total."""
    whole = sum(counts[at] for at in cells)
    if len(cells) > 1 and whole in known.published:
        found.setdefault(tuple(cells), whole)
    top = max(cells, key=lambda at: counts[at])
    parts = tuple(at for at in cells if at != top)
    if len(parts) > 1 and counts[top] * 2 == whole and counts[top] > 0:
        inner.setdefault(top, parts)
        if counts[top] in known.published:
            found.setdefault(parts, counts[top])


def _totals(draft: Draft, name: str, inner: list[tuple[int, list[int]]]) -> None:
    """Give each total within a table the sum of its parts as they are shown, smallest first."""
    size = {
        at: float(str(draft.table.rows[at][draft.table.columns.index(name)])) for at, _ in inner
    }
    for at, parts in sorted(inner, key=lambda pair: size[pair[0]]):
        row = draft.rows[at]
        if row is None or row[name] is None:
            continue
        shown = [_cell(draft.rows[part], name) for part in parts]
        whole = sum(each for each in shown if each is not None)
        if whole:
            row[name] = whole
        else:
            draft.drop(at, SECONDARY)


def _cell(row: Row | None, name: str) -> int | None:
    cell = None if row is None else row[name]
    return cell if isinstance(cell, int) else None


# ---------------------------------------------------------------------------- numbers
def _numbers(draft: Draft, known: Known) -> None:
    """Round numbers, tell extremes in bands, and take shares from rounded counts."""
    table = draft.table
    for at, row in enumerate(draft.rows):
        if row is None:
            continue
        true = dict(zip(table.columns, table.rows[at], strict=True))
        for name in columns_of(table, "number", "share"):
            cell = row[name]
            if _is_number(cell) and not count_like(table, name):
                row[name] = _number(draft, at, name, value=float(str(cell)), true=true, known=known)


def _number(draft: Draft, at: int, name: str, *, value: float, true: Row, known: Known) -> Cell:
    """Return one number as it may be told."""
    table, first = draft.table, name.split("_")[0]
    if first in EXTREMES:
        if kind_of(table, name) == "share":
            return band(value, known.rules)
        draft.note("extreme", at)
        return None
    if name in PARAMETERS:
        return significant(value, known.rules.digits)
    low = _lower(table, first, true, known)
    if kind_of(table, name) == "share" or (low is not None and first in MEANS):
        start = low or 0.0
        share = _share(draft, at, value - start, true=true, known=known)
        return None if share is None else share + start
    if low is not None and first in SPREADS:
        return None  # it follows from the mean
    if value.is_integer() and value in known.published and value not in (0.0, 1.0):
        draft.note("exact", at)
        return None
    if " = " in str(true.get("covariate", "")):
        return round(value, 2)
    digits = known.rules.counted_digits if first in TESTS else known.rules.digits
    return significant(value, digits) if abs(value) > NOTHING else 0.0


def _lower(table: Table, name_first: str, true: Row, known: Known) -> float | None:
    """Return the lower of the two values that a row's figures are means of; None for any other."""
    name = str(true.get("covariate", ""))
    if name_first in CURVES and "arm" in true:
        return 0.0
    if "covariate" in true:
        return 0.0 if true.get("level") or " = " in name else known.pairs.get(name)
    outcome = true.get("outcome") or table.tag("outcome")
    return 0.0 if outcome in known.binary else None


def _share(draft: Draft, at: int, value: float, *, true: Row, known: Known) -> float | None:
    """Return a share made of rounded counts, None where either part is too small.

    Where no count of the row is its whole, the smallest number of children behind the row is.
    """
    whole = _whole(draft.table, at, value, true=true, known=known)
    part = value * whole
    least = known.rules.threshold - 1e-6
    if part < least or whole - part < least:
        draft.note(FEW, at)
        return None
    below = known.of_arm(str(true["arm"]) if "arm" in true else None, whole)
    own = known.cells.get(cell_key(draft.table, at, "children"))
    level = own is not None and bool(true.get("level")) and draft.table.name == "baseline"
    above = own.shown(round(part)) if own is not None and level else nearest(part, known.rules.base)
    if below is None or above is None:
        draft.note(FEW, at)
        return None
    return significant(min(1.0, above / below), known.rules.digits)


def _whole(table: Table, at: int, value: float, *, true: Row, known: Known) -> float:
    """Return of how many children a number is a share: the first count with which it gives a whole
    number of children.
    """
    own = [true[name] for name in columns_of(table, "count") if name != "events"]
    others = [
        float(count) / value
        for name in columns_of(table, "count")
        if value > 0 and isinstance(count := true[name], int) and count > 0
    ]
    candidates = [float(str(cell)) for cell in own if _is_number(cell)]
    rounded = [float(round(each)) for each in others if abs(each - round(each)) < 1e-6 * each]
    for whole in (*candidates, *rounded):
        if whole >= 1 and abs(value * whole - round(value * whole)) < 1e-6 * max(1.0, whole):
            return whole
    own_arm = known.ladders.get(str(true.get("arm")))
    if own_arm is not None and own_arm.heads and set(columns_of(table, "label")) <= WHOLE_ARM:
        return float(own_arm.heads[0][0])
    few = behind(table, at)
    return float(few) if few is not None else float(known.fewest)


def _is_number(cell: Cell) -> bool:
    return isinstance(cell, int | float) and not isinstance(cell, bool) and math.isfinite(cell)


# ------------------------------------------------------------------------------ words
def _finished(draft: Draft, known: Known) -> Table | None:
    """Return the table of what is left, its words looked through."""
    table = draft.table
    numeric = columns_of(table, "count", "number", "share", "flag")
    kept: list[tuple[Cell, ...]] = []
    for row in draft.rows:
        if row is None or (numeric and all(row[name] is None for name in numeric)):
            continue
        kept.append(tuple(_labelled(table, name, row[name], known) for name in table.columns))
    if not kept and table.rows:
        return None
    kinds = tuple(
        "label" if kind not in KINDS or _banded(kind, [row[at] for row in kept]) else kind
        for at, kind in enumerate(table.kinds)
    )
    return replace(
        table,
        kinds=kinds,
        rows=tuple(kept),
        counts=(),
        clusters=(),
        shares=(),
        residual_df=None,
        title=known.words.kept(table.title, table.name.replace("_", " ")),
        context=known.words.kept(table.context),
        note=known.words.kept(table.note),
        tags=tuple(
            (name, cell)
            for name, cell in table.tags
            if name in SAFE_TAGS or (isinstance(cell, str) and known.words.safe(cell))
        ),
    )


def _banded(kind: str, cells: list[Cell]) -> bool:
    return kind in ("share", "number") and any(isinstance(cell, str) for cell in cells)


def _labelled(table: Table, name: str, cell: Cell, known: Known) -> Cell:
    """Return a label as it may be told: a name as it is, a sentence only if it counts nobody."""
    if not isinstance(cell, str) or kind_of(table, name) != "label" or "rule" in table.columns:
        return cell
    if name in ("level", "covariate", "variable", "subgroup", "target", "arm", "contrast"):
        return cell
    return known.words.whole(cell)
