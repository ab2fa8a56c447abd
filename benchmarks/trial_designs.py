"""Size, power and effect of every design of trials, over 20,000 trials each: the manual's table.

    python benchmarks/trial_designs.py

A design is listed where its size is 4 to 6% where nothing happens, its simulated power is within
two Monte-Carlo errors of 2,000 trials of the closed form, and the effect that was planted is found.
Ten times as many trials are played as these margins are of, so that it is not luck that decides.
What does not pass is named, and the program ends with 1.
"""

from __future__ import annotations

import hashlib
import sys
import time
from pathlib import Path

import numpy as np

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "tests"))

from suites.trial_worlds import LEAVES, World, worlds  # noqa: E402

PAGE = ROOT / "docs" / "manual" / "trial-designs.md"
DRAWS, MARGIN = 20_000, 2_000
BEGIN, END = "<!-- table: benchmarks/trial_designs.py -->", "<!-- end of table -->"


def judged(world: World) -> tuple[list[str], bool]:
    """Return a row of the table, and whether the design may be listed."""
    began = time.perf_counter()
    own = int.from_bytes(hashlib.sha256(world.name.encode()).digest()[:4], "big")
    null = world.trials(DRAWS, effect=0.0, seed=own)
    real = world.trials(DRAWS, effect=world.effect, seed=own + 1)
    error = np.sqrt(world.power * (1 - world.power) / MARGIN)
    value = real.value[np.isfinite(real.value)]  # of the arm that was chosen, where one is
    mean = value.mean()
    off = (mean - world.effect) / (value.std() / np.sqrt(len(value)))
    apart = (real.share - world.power) / error
    good = 0.04 <= null.share <= 0.06 and abs(apart) <= 2 and abs(off) <= 3.5
    row = [
        f"`{world.name}`",
        f"{100 * null.share:.1f}%",
        f"{100 * world.power:.1f}%",
        f"{100 * real.share:.1f}%",
        f"{apart:+.1f}".replace("-", "−"),
        f"{world.effect:g}",
        f"{mean:.3f}",
    ]
    print(f"{world.name:18} {row[1:]} {time.perf_counter() - began:.1f} s {'' if good else 'NO'}")
    return row, good


def main() -> None:
    """Write the table."""
    made = worlds()
    missing = [name for name in LEAVES if name not in made]
    told = [judged(made[name]) for name in LEAVES if name in made]
    heads = [
        "design",
        "size",
        "power, formula",
        "simulated",
        "apart (errors of 2,000)",
        "planted",
        "found",
    ]
    lines = [f"| {' | '.join(heads)} |", f"|{'---|' * len(heads)}"]
    lines += [f"| {' | '.join(row)} |" for row, _ in told]
    text = PAGE.read_text(encoding="utf-8")
    before, rest = text.split(BEGIN, 1)
    after = rest.split(END, 1)[1]
    table = "\n".join(lines)
    PAGE.write_text(f"{before}{BEGIN}\n\n{table}\n\n{END}{after}", encoding="utf-8")
    failed = [row[0] for row, good in told if not good]
    if failed or missing:
        print(f"not to be listed: {', '.join([*failed, *missing])}")
        raise SystemExit(1)


if __name__ == "__main__":
    main()
