"""Allocating from many processes at once: service time (alone in the ledger) and waiting.

python benchmarks/trials_allocate.py [CLIENTS] [EACH]
"""

from __future__ import annotations

import multiprocessing
import statistics
import sys
import tempfile
import time
from pathlib import Path

from fingerpost.studies.document import read_study
from fingerpost.studies.trials.allocating import Allocator, Asked
from fingerpost.studies.trials.folder import open_folder
from fingerpost.studies.trials.opening import open_trial
from fingerpost.studies.trials.verifying import verify

EXAMPLE = Path(__file__).parents[1] / "examples" / "trials" / "allocate.yaml"


def client(folder: Path, key: Path, own: int, each: int, times) -> None:  # type: ignore[no-untyped-def]
    """Allocate units of one's own; tell how long each took in all, and of that in service."""
    opened = open_folder(folder)
    found = []
    with opened.ledger() as ledger:
        allocator = Allocator(opened, opened.keys(key), ledger=ledger)
        decided, begun = allocator.decided, [0.0]

        def timed(asked: Asked):  # type: ignore[no-untyped-def]
            # From here the lock is ours; what came before is waiting (and reading on).
            begun[0] = time.perf_counter()
            return decided(asked)

        allocator.decided = timed  # type: ignore[method-assign]
        for at in range(each):
            known = (("area", ("north", "south")[at % 2]), ("sex", ("F", "M")[own % 2]))
            start = time.perf_counter()
            allocator.allocate(Asked(f"P{own}-{at}", known, ("parent agreed",)))
            end = time.perf_counter()
            found.append((end - start, end - begun[0]))
    times.put(found)


def main(clients: int = 50, each: int = 8) -> None:
    """Print medians and 95th percentiles in milliseconds."""
    with tempfile.TemporaryDirectory() as place:
        folder, key = Path(place) / "trial", Path(place) / "key"
        content = EXAMPLE.read_text().replace("size: 400", f"size: {clients * each}")
        file = Path(place) / "study.yaml"
        file.write_text(content)
        open_trial(read_study(file), study_file=content.encode(), out=folder, key=key)
        fork = multiprocessing.get_context("fork")
        times = fork.Queue()
        args = [(folder, key, own, each, times) for own in range(clients)]
        processes = [fork.Process(target=client, args=one) for one in args]
        start = time.perf_counter()
        for process in processes:
            process.start()
        found = [pair for _ in processes for pair in times.get()]
        for process in processes:
            process.join()
        whole = time.perf_counter() - start
        good = not verify(folder, key=key).faults
    for at, name in enumerate(("in all (waiting and service)", "service")):
        own = sorted(pair[at] * 1000 for pair in found)
        late = own[int(len(own) * 0.95)]
        print(f"{name}: median {statistics.median(own):.1f} ms, 95th {late:.1f} ms")
    print(f"{len(found)} allocations by {clients} processes in {whole:.1f} s; verified: {good}")


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
