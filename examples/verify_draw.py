# fmt: off
"""Replay a roll-out's draw with Python alone, as docs/manual/draw.md says: verify_draw.py FOLDER"""
import csv, itertools, json, math, pathlib, sys  # noqa: E401, I001
from fractions import Fraction
from hashlib import sha256
file = {path.name: path.read_bytes() for path in pathlib.Path(sys.argv[1]).iterdir()}
plan, pulse = json.loads(file["plan.json"]), json.loads(file["pulse.json"])
rows, told = (list(csv.DictReader(file[name].decode().splitlines(keepends=True)))
              for name in ("register.csv", "allocation.csv"))
public = bytes.fromhex(pulse.get("randomness") or pulse["pulse"]["outputValue"])  # drand or NIST
keeper = bytes.fromhex(file["secret.txt"].decode()) if plan["sealed"] else b""
seed = sha256(sha256(file["plan.json"]).digest() + public + keeper).digest()
N, W, size = len(rows), range(len(plan["waves"])), [wave["units"] for wave in plan["waves"]]
codes, names = [row[plan["unit"]] for row in rows], [wave["name"] for wave in plan["waves"]]
keys = [tuple(row[name] for name in plan["strata"]) for row in rows]
strata = [[i for i in range(N) if keys[i] == key] for key in dict.fromkeys(keys)]
sure = [[k for k in W for _ in range(len(units) * size[k] // N)] for units in strata]
groups = [[1]]  # products of the bounds of all shuffles, cut so that a number serves each group
for bound in (b for n in (len(W), len(strata), *map(len, strata)) for b in range(n, 1, -1)):
    groups += [[1]] if groups[-1][-1] * bound > 2**48 else []
    groups[-1].append(groups[-1][-1] * bound)
whole = lambda name: [int(Fraction(row[name] if name else 1) * 10**18) for row in rows]  # noqa: E731
away = [[N * value - sum(x) for value in x] for x in map(whole, plan["balance"])]
z = [[math.isqrt(10**8 * N * a * a // (sum(b * b for b in x) or 1)) * (1 if a > 0 else -1)
      for a in x] for x in away]
caps = [([v * (not m["where"] or row[m["where"][0]] == m["where"][1])
          for v, row in zip(whole(m["column"]), rows, strict=True)],
         int(Fraction(m["at_most"]) * 10**18),
         [k for k in W if m["wave"] in ("", names[k])]) for m in plan["limits"]]
caps += [([(c == a) + sign * (c == b) for c in codes], sign == 1, W)  # pairs are limits of a kind
         for key, sign in (("together", -1), ("apart", 1)) for a, b in plan[key]]

def _candidate(c):  # the places, in the register, of the units of each wave
    numbers = (int.from_bytes(sha256(seed + c.to_bytes(8, "big") + (i // 4).to_bytes(8, "big"))
                              .digest()[i % 4 * 8:][:8], "big") for i in itertools.count())
    below = [value % high // low for group in groups
             for value in [next(v for v in numbers if v < 2**64 - 2**64 % group[-1])]
             for low, high in itertools.pairwise(group)]
    def shuffled(items):
        for i in range(len(items) - 1, 0, -1):
            j = below.pop(0)
            items[i], items[j] = items[j], items[i]
        return items
    order, turns, more, held = shuffled([*W]), shuffled([*range(len(strata))]), {}, [[] for _ in W]
    over = [size[k] - sum(waves.count(k) for waves in sure) for k in W]
    for s in turns:
        more[s] = sorted(order, key=lambda k: -over[k])[:len(strata[s]) - len(sure[s])]
        over = [places - (k in more[s]) for k, places in enumerate(over)]
    for s, units in enumerate(strata):
        for unit, k in zip(units, shuffled(sure[s] + more[s]), strict=True):
            held[k].append(unit)
    return held
ranked = []
for c, held in enumerate(map(_candidate, range(plan["candidates"]))):
    if all(sum(map(x.__getitem__, held[k])) <= most for x, most, only in caps for k in only):
        ranked += [(sum(sum(x[i] for i in held[k]) ** 2 // size[k] for x in z for k in W), c)]
kept = sorted(c for _, c in sorted(ranked)[:-(-len(ranked) * plan["accept_millionths"] // 10**6)])
last = int.from_bytes(sha256(seed + b"\xff" * 8 + bytes(8)).digest()[:8], "big") % len(kept)
wave = {codes[i]: names[k] for k, units in enumerate(_candidate(kept[last])) for i in units}
sys.exit("Not as drawn." if wave != {row["unit"]: row["wave"] for row in told} else 0)
