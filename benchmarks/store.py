"""What has been measured: one line of JSON each, so that a run that was stopped can go on."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from statistics import median


@dataclass(frozen=True, slots=True)
class Key:
    """What was measured: a task by a tool on n children, p covariates, k arms, in a setting."""

    task: str
    tool: str
    n: int
    setting: str
    p: int = 20
    k: int = 3


@dataclass(frozen=True, slots=True)
class Record:
    """One measurement: seconds, megabytes (extra; of a whole study the peak), numbers, number."""

    key: Key
    run: int
    cpu: float
    wall: float
    memory: float
    value: tuple[float, ...] = ()
    error: tuple[float, ...] = ()


@dataclass(frozen=True, slots=True)
class Summary:
    """The runs of one key: median and range of CPU, median wall, largest memory."""

    cpu: float
    least: float
    most: float
    wall: float
    memory: float
    runs: int
    value: tuple[float, ...]
    error: tuple[float, ...]


def summary(records: Iterable[Record]) -> Summary:
    """Return what several runs of one key say together."""
    every = list(records)
    cpu = [one.cpu for one in every]
    return Summary(
        median(cpu),
        min(cpu),
        max(cpu),
        median(one.wall for one in every),
        max(one.memory for one in every),
        len(every),
        every[0].value,
        every[0].error,
    )


@dataclass
class Store:
    """Records in the order in which they were made, kept in a file."""

    path: Path
    records: list[Record] = field(default_factory=list)

    def read(self) -> None:
        """Take up what the file holds."""
        if not self.path.exists():
            return
        for line in self.path.read_text(encoding="utf-8").splitlines():
            found = json.loads(line)
            key = Key(**found.pop("key"))
            lists = {name: tuple(found.pop(name)) for name in ("value", "error")}
            self.records.append(Record(key, **lists, **found))

    def add(self, record: Record) -> None:
        """Keep one more record."""
        self.records.append(record)
        with self.path.open("a", encoding="utf-8") as out:
            out.write(json.dumps(asdict(record)) + "\n")

    def has(self, key: Key, run: int) -> bool:
        """Return whether a run of a key is there."""
        return any(one.key == key and one.run == run for one in self.records)

    def summaries(self) -> dict[Key, Summary]:
        """Return one summary a key, in the order in which keys were first met."""
        by_key: dict[Key, list[Record]] = {}
        for one in self.records:
            by_key.setdefault(one.key, []).append(one)
        return {key: summary(own) for key, own in by_key.items()}
