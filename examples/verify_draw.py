"""Replay a roll-out's draw with Python alone, as docs/manual/draw.md says: verify_draw.py FOLDER"""
import csv, fractions, functools, hashlib, itertools, json, math, pathlib, sys
file = {path.name: path.read_bytes() for path in pathlib.Path(sys.argv[1]).iterdir()}
plan, pulse = json.loads(file["plan.json"]), json.loads(file["pulse.json"])
public = bytes.fromhex(pulse.get("randomness") or pulse["pulse"]["outputValue"])  # drand or NIST
sha, big = lambda data: hashlib.sha256(data).digest(), lambda text: int(fractions.Fraction(text) * 10**18)
seed = sha(sha(file["plan.json"]) + public + bytes.fromhex(file["secret.txt"].decode() if plan["sealed"] else ""))
table = lambda name: list(csv.DictReader(file[name].decode().splitlines(keepends=True)))
rows, names = table("register.csv"), [wave["name"] for wave in plan["waves"]]
N, W, size = len(rows), range(len(names)), [wave["units"] for wave in plan["waves"]]
codes, keys = [r[plan["unit"]] for r in rows], [tuple(map(r.get, plan["strata"])) for r in rows]
strata = [[i for i in range(N) if keys[i] == key] for key in dict.fromkeys(keys)]
sizes, loops = [*map(len, strata)], (len(strata) - 1) * (len(W) - 1)
whole = lambda name: [big(r[name] if name else 1) for r in rows]
z = [[math.isqrt(10**8 * N * a * a // (sum(b * b for b in x) or 1)) * (1 if a > 0 else -1)
      for a in x] for x in ([N * v - sum(y) for v in y] for y in map(whole, plan["balance"]))]
caps = [([v * (not m["where"] or r[m["where"][0]] == m["where"][1]) for v, r in zip(whole(m["column"]), rows)],
         big(m["at_most"]), [k for k in W if m["wave"] in ("", names[k])]) for m in plan["limits"]]
near = [([(a, b, 1)], one, one) for key, one in (("together", 1), ("apart", 0)) for a, b in plan[key]]
near += [(m["pairs"], m["at_least"] or 0, m["at_most"] or 1) for m in [plan.get("near")] if m]
near = [([(codes.index(a), codes.index(b), big(w)) for a, b, w in m], big(low), big(high)) for m, low, high in near]
def _drawn(stream, sizes, fine):  # shuffles of so many places, and so many numbers below 2^24
    words = (int.from_bytes(sha(seed + stream.to_bytes(8) + (i // 4).to_bytes(8))[i % 4 * 8:][:8]) for i in itertools.count())
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
            path, h = [*path, next(c for c in free if c != path[-1] and c[h] == path[-1][h])], 1 - h
        loop = [*zip(path[at[0]:], itertools.cycle((1, -1)))]
        up, down = (min(abs((sign == way) * N - owed[c]) for c, sign in loop) for way in (1, -1))
        step = up if next(below) * (up + down) < down << 24 else -down
        owed |= {cell: owed[cell] + sign * step for cell, sign in loop}
    return [[k for k in W for _ in range(sizes[s] * size[k] // N)]
            + [k for k in W if owed[s, k] == N] for s in range(len(strata))]
def _candidate(c):  # unit, by its place in the register, to wave
    both = zip(strata, _waves(c % min(2**13, 2**10 + 2**18 // (loops + 1))), _drawn(c, sizes, 0)[0])
    return {unit: waves[at] for units, waves, own in both for unit, at in zip(units, own)}
def _score(c, at):  # of a candidate that meets every limit and pair
    held, pairs = [[i for i in at if at[i] == k] for k in W], lambda m: sum(w for a, b, w in m if at[a] == at[b])
    if (all(sum(map(x.__getitem__, held[k])) <= most for x, most, own in caps for k in own) and
            all(low * sum(w for *_, w in m) <= 10**18 * pairs(m) <= high * sum(w for *_, w in m) for m, low, high in near)):
        yield sum(sum(x[i] for i in held[k]) ** 2 // size[k] for x in z for k in W), c
ranked = sorted(told for c in range(plan["candidates"]) for told in _score(c, _candidate(c)))
kept = sorted(c for _, c in ranked[:-(-len(ranked) * plan["accept_millionths"] // 10**6)])
last = kept[int.from_bytes(sha(seed + b"\xff" * 8 + bytes(8))[:8]) % len(kept)]
right = {codes[i]: names[k] for i, k in _candidate(last).items()} == {row["unit"]: row["wave"] for row in table(
    "allocation.csv")} and plan["pulse"]["after"] in (0, (pulse.get("round") or pulse["pulse"]["pulseIndex"]) - 1)
sys.exit(print(f"As drawn: {N} units in {len(W)} waves.") if right else "Not as drawn.")
