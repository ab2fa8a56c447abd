"""`fingerpost trial power --parameters` and `--estimate`: what trials are planned by."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from fingerpost.cli._folder import write_json
from fingerpost.cli._screen import labelled, listed_lines, shown, table
from fingerpost.core.errors import UsageError
from fingerpost.core.words import counted

SHOWN = ("outcome", "level", "place", "value", "range", "children", "clusters", "source")
WIDEST_CELL = 44


def listed_parameters(*, json_file: Path | None) -> str:
    """Return what is published as plain text, a table each kind; write all of it as JSON where
    asked for.
    """
    from fingerpost.studies.trials.parameters import SCHEMA_VERSION, published

    found = published()
    rows = found.records()
    data = {
        "schema_version": SCHEMA_VERSION,
        "kind": "published parameters",
        "parameters": rows,
    }
    written = write_json(json_file, json.dumps(data, indent=2, ensure_ascii=False) + "\n")
    heads = {"icc": "Intra-cluster correlation", "cac": "Cluster autocorrelation", "r2": "R²"}
    parts = [
        labelled(
            "Answer",
            [
                "What is published of outcomes in English schools, as far as our sources print it. "
                "Numbers from elsewhere stand beside them for comparison. A dash is a gap: nobody "
                "has published it, or we have not found it.",
            ],
        )
    ]
    for kind, title in heads.items():
        body = [cells(row) for row in rows if row["parameter"] == kind]
        parts += ["", title, table([name.replace("_", " ") for name in SHOWN], body)]
    gaps = sum(row["value"] is None for row in rows)
    parts += [
        "",
        labelled(
            "Gaps",
            [
                f"{gaps} of {len(rows)} rows have no number. Estimate them from records of your "
                "own: --estimate TABLE --outcome COL --cluster COL [--period COL] [--given COL,…]."
            ],
        ),
    ]
    if written:
        parts.append(listed_lines("Wrote", [shown(path) for path in written]))
    return "\n".join(parts)


def cells(row: dict[str, Any]) -> list[str]:
    """Return one published parameter as it is shown."""
    from fingerpost.plots.numbers import whole

    ends = "" if row["lo"] is None else f"{row['lo']:g} to {row['hi']:g} ({row['interval']})"
    source = f"{row['source']}{' ' + row['year'] if row['year'] else ''}"
    return [
        short(str(row["outcome"])),
        str(row["level"]),
        str(row["place"]),
        "–" if row["value"] is None else f"{row['value']:.3g}",
        ends or "–",
        whole(row["children"]),
        whole(row["clusters"]),
        source,
    ]


def short(text: str) -> str:
    """Return a text that is not too long for a table."""
    return text if len(text) <= WIDEST_CELL else text[: WIDEST_CELL - 1] + "…"


def estimated(table_name: str, *, columns: dict[str, str | None], json_file: Path | None) -> str:
    """Return what a table tells as plain text; written as JSON where asked for.

    columns: outcome, cluster, period and given, as the command line has them.
    """
    from fingerpost.studies.trials.parameters import Asked, estimate_parameters, record

    if not columns["outcome"] or not columns["cluster"]:
        raise UsageError("--estimate needs --outcome COL and --cluster COL.")
    given = tuple(name.strip() for name in (columns["given"] or "").split(",") if name.strip())
    asked = Asked(columns["outcome"], columns["cluster"], columns["period"] or "", given)
    found = estimate_parameters(table_name, asked)
    text = json.dumps(record(found), indent=2, ensure_ascii=False, allow_nan=False) + "\n"
    written = write_json(json_file, text)
    parts = [
        labelled("Table", [f"{found.source}, {asked.outcome} by {asked.cluster}."]),
        labelled("Answer", answer(found)),
        labelled(
            "Reads",
            [
                "Intervals are 95%, by profile likelihood. Nobody's record is shown, and no number "
                "of fewer than three clusters; check your rules of release before it leaves the "
                "room.",
            ],
        ),
    ]
    if written:
        parts.append(listed_lines("Wrote", [shown(path) for path in written]))
    return "\n".join(parts)


def answer(found: Any) -> list[str]:
    """Return the sentences that come first."""
    from fingerpost.plots.numbers import number

    shares = found.shares
    said = [
        f"Intra-cluster correlation {shares.icc.value:.4f} ({shares.icc.lo:.4f} to "
        f"{shares.icc.hi:.4f})"
        + (" in one period" if shares.cac is not None else "")
        + f", of {counted(shares.children, 'child', several='children')} in "
        f"{counted(shares.clusters, 'cluster')}"
        + (f" over {counted(shares.periods, 'period')}" if shares.cac is not None else "")
        + (
            f"; {found.left_out:,} rows with something missing are left out."
            if found.left_out
            else "."
        )
    ]
    if shares.cac is not None:
        said.append(
            f"Cluster autocorrelation {shares.cac.value:.3f} ({shares.cac.lo:.3f} to "
            f"{shares.cac.hi:.3f}), the same at any distance in time."
        )
    said.append(
        f"Mean size {number(shares.mean_size)}, coefficient of variation {shares.size_cv:.2f}; "
        f"standard deviation of the outcome {number(shares.variance**0.5)}."
    )
    if found.explained is not None:
        between = found.explained.clusters
        said.append(
            f"{', '.join(found.asked.given)}: explains {found.explained.children:.1%} of the "
            "variance of children within clusters"
            + ("." if between is None else f", {between:.1%} of that between clusters.")
        )
    keys = f"icc: {shares.icc.value:.3g}, size_cv: {shares.size_cv:.2g}"
    said.append(f"In a study: power: {{{keys}, …}}.")
    return said
