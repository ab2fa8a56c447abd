"""Replay a roll-out's draw with Python alone, as docs/manual/draw.md says: verify_draw.py FOLDER"""
import csv, fractions, functools, hashlib, itertools, json, math, pathlib, sys
file = {path.name: path.read_bytes() for path in pathlib.Path(sys.argv[1]).iterdir()}
plan, pulse = json.loads(file["plan.json"]), json.loads(file["pulse.json"])
public = bytes.fromhex(pulse.get("randomness") or pulse["pulse"]["outputValue"])  # drand or NIST
keeper = bytes.fromhex(file["secret.txt"].decode()) if plan["sealed"] else b""
seed = hashlib.sha256(hashlib.sha256(file["plan.json"]).digest() + public + keeper).digest()
table = lambda name: list(csv.DictReader(file[name].decode().splitlines(keepends=True)))
rows, names = table("register.csv"), [wave["name"] for wave in plan["waves"]]
N, W, size = len(rows), range(len(names)), [wave["units"] for wave in plan["waves"]]
codes, keys = [r[plan["unit"]] for r in rows], [tuple(map(r.get, plan["strata"])) for r in rows]
strata = [[i for i in range(N) if keys[i] == key] for key in dict.fromkeys(keys)]
sizes, loops = [*map(len, strata)], (len(strata) - 1) * (len(W) - 1)
whole = lambda name: [int(fractions.Fraction(r[name] if name else 1) * 10**18) for r in rows]
z = [[math.isqrt(10**8 * N * a * a // (sum(b * b for b in x) or 1)) * (1 if a > 0 else -1)
      for a in x] for x in ([N * v - sum(y) for v in y] for y in map(whole, plan["balance"]))]
caps = [([v * (not m["where"] or r[m["where"][0]] == m["where"][1])
          for v, r in zip(whole(m["column"]), rows)], int(fractions.Fraction(m["at_most"]) * 10**18),
         [k for k in W if m["wave"] in ("", names[k])]) for m in plan["limits"]]
caps += [([(c == a) + sign * (c == b) for c in codes], sign == 1, W)  # pairs are limits of a kind
         for key, sign in (("together", -1), ("apart", 1)) for a, b in plan[key]]
def _drawn(stream, sizes, fine):  # shuffles of so many places, and so many numbers below 2^24
    words = (int.from_bytes(hashlib.sha256(seed + stream.to_bytes(8) + (i // 4).to_bytes(8))
                            .digest()[i % 4 * 8:][:8]) for i in itertools.count())
    places, groups = [[*range(n)] for n in sizes], [[1]]
    swaps = [(own, i) for own in places for i in range(len(own) - 1, 0, -1)]
    for bound in [i + 1 for _, i in swaps] + [2**24] * fine:  # a word serves each group of bounds
        groups += [[1]] if groups[-1][-1] * bound > 2**48 else []
        groups[-1].append(groups[-1][-1] * bound)
    below = (word % high // low for group in groups for word in [next(
        v for v in words if v < 2**64 - 2**64 % group[-1])] for low, high in itertools.pairwise(group))
    for (own, i), j in zip(swaps, below): own[i], own[j] = own[j], own[i]
    return places, below
@functools.cache
def _waves(r):  # of each stratum: whole shares, then the waves that get one more
    (order, turns), below = _drawn(2**63 + r, (len(W), len(strata)), loops)
    owed = {(s, k): sizes[s] * size[k] % N for s in turns for k in order}
    while free := [cell for cell in owed if 0 < owed[cell] < N]:
        path, h = free[:1], 1
        while not (at := [j for j in range(h, len(path) - 1, 2) if path[j][h] == path[-1][h]]):
            path += [next(cell for cell in free if cell != path[-1] and cell[h] == path[-1][h])]
            h = 1 - h
        loop = [*zip(path[at[0]:], itertools.cycle((1, -1)))]
        up, down = (min(abs((sign == way) * N - owed[c]) for c, sign in loop) for way in (1, -1))
        step = up if next(below) * (up + down) < down << 24 else -down
        owed |= {cell: owed[cell] + sign * step for cell, sign in loop}
    return [[k for k in W for _ in range(sizes[s] * size[k] // N)]
            + [k for k in W if owed[s, k] == N] for s in range(len(strata))]
def _candidate(c):  # the places, in the register, of the units of each wave
    both = zip(strata, _waves(c % min(2**13, 2**10 + 2**18 // (loops + 1))), _drawn(c, sizes, 0)[0])
    told = [(waves[at], unit) for units, waves, own in both for unit, at in zip(units, own)]
    return [[unit for k, unit in told if k == wave] for wave in W]
ranked = sorted((sum(sum(x[i] for i in held[k]) ** 2 // size[k] for x in z for k in W), c)
                for c, held in enumerate(map(_candidate, range(plan["candidates"]))) if all(
                    sum(map(x.__getitem__, held[k])) <= most for x, most, at in caps for k in at))
kept = sorted(c for _, c in ranked[:-(-len(ranked) * plan["accept_millionths"] // 10**6)])
last = int.from_bytes(hashlib.sha256(seed + b"\xff" * 8 + bytes(8)).digest()[:8]) % len(kept)
wave = {codes[i]: names[k] for k, units in enumerate(_candidate(kept[last])) for i in units}
right = wave == {row["unit"]: row["wave"] for row in table("allocation.csv")}
sys.exit(print(f"As drawn: {N} units in {len(W)} waves.") if right else "Not as drawn.")
