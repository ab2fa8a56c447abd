"""Keys of a trial: who may know what comes next, who may see arms, who may name units.

One key of 32 random bytes; from it HMAC-SHA256(key, word ‖ trial) for each of three words:
`allocation` is the seed of the procedure, `arms` opens what is sealed, `names` turns a unit's name
(as it is read, `plain`) into the one that the ledger holds. A role's file holds what the role needs
and no more. The ledger holds SHA-256 of each, so that a wrong file is told at once.
"""

from __future__ import annotations

import hashlib
import json
import os
import secrets
import unicodedata
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from fingerpost.core.errors import Malformed, UsageError, listed
from fingerpost.core.files import put
from fingerpost.studies.trials.sealing import mac

KIND = "key of a trial"
LENGTH = 32
# Role → what its file holds.
ROLES: dict[str, tuple[str, ...]] = {
    "opens": ("key",),
    "sees": ("names", "arms"),
    "enrols": ("names",),
}
SAID = {
    "opens": "opens the trial and allocates: whoever holds it can know what comes next",
    "sees": "names units and sees the arms that were allocated, and nothing of what comes next",
    "enrols": "names units, freezes lists and writes notes, and sees no arm",
}


def plain(name: str) -> str:
    """Return a name as it is read, however it was typed: composed letters, no characters that do
    not show, any space a plain one and none at the ends. Capitals stay as they are.

    >>> plain("Zoe\u0301\u200b\u00a0Smith ") == "Zo\u00e9 Smith"
    True
    """
    whole = "".join(" " if one.isspace() else one for one in unicodedata.normalize("NFC", name))
    return "".join(one for one in whole if unicodedata.category(one) not in ("Cc", "Cf")).strip()


def capitals(names: Iterable[str]) -> list[tuple[str, str]]:
    """Return pairs of names that differ only in capitals: two units, or one that was typed twice.

    >>> capitals(["c01", "C02", "C01", "c01"])
    [('c01', 'C01')]
    """
    first: dict[str, str] = {}
    own = dict.fromkeys(plain(name) for name in names)
    for name in own:
        first.setdefault(name.casefold(), name)
    return [(first[name.casefold()], name) for name in own if first[name.casefold()] != name]


@dataclass(frozen=True, slots=True)
class Keys:
    """What a role holds of one trial's keys; None what it does not.

    names: the key of names. arms: of sealed arms. allocation: the seed of the procedure. whole: the
    key itself.
    """

    role: str
    names: bytes
    arms: bytes | None = None
    allocation: bytes | None = None
    whole: bytes | None = None

    def unit(self, name: str) -> str:
        """Return a unit's name as the ledger holds it: 32 hexadecimal digits."""
        return mac(self.names, b"unit", plain(name).encode()).hex()[:32]

    def child(self, name: str) -> str:
        """Return the name of a child on a roll as the ledger holds it."""
        return mac(self.names, b"child", plain(name).encode()).hex()[:32]

    def request(self, name: str) -> str:
        """Return a request's name as the ledger holds it."""
        return mac(self.names, b"request", plain(name).encode()).hex()[:32]

    @property
    def seed(self) -> bytes:
        """The seed of the procedure. Raises UsageError where the role does not hold it."""
        if self.allocation is None:
            raise UsageError(
                f"this is the key of who {self.role}; to allocate, or to replay what was "
                "allocated, it takes the key with which the trial was opened (role opens)."
            )
        return self.allocation

    @property
    def opener(self) -> bytes:
        """The key of sealed arms. Raises UsageError where the role does not hold it."""
        if self.arms is None:
            raise UsageError(
                f"this is the key of who {self.role}, which opens no arm. It takes a key of role "
                "sees or opens."
            )
        return self.arms


def derived(whole: bytes, trial: str) -> Keys:
    """Return all keys of a trial from the key that opened it."""
    own = {word: mac(whole, word.encode(), trial.encode()) for word in ("allocation", "names")}
    arms = mac(whole, b"arms", trial.encode())
    return Keys("opens", own["names"], arms, own["allocation"], whole)


def commitments(keys: Keys) -> dict[str, str]:
    """Return SHA-256 of the key, and of what other roles hold of it."""
    assert keys.whole is not None
    assert keys.arms is not None
    held = {"key": keys.whole, "names": keys.names, "arms": keys.arms}
    return {word: hashlib.sha256(value).hexdigest() for word, value in held.items()}


def file_of(role: str, held: Mapping[str, bytes]) -> bytes:
    """Return a role's file."""
    said = {"fingerpost": KIND, "role": role, **{word: held[word].hex() for word in ROLES[role]}}
    return (json.dumps(said, indent=1) + "\n").encode()


def make_key(path: Path, *, outside: Path) -> bytes:
    """Return the key in a file, made there if there is none: readable by its owner alone.

    outside: the trial's folder, in which it must not lie. A file that is there must be a key of
    role opens: after a crash the same key is used again.
    """
    if path.absolute().resolve().is_relative_to(outside.absolute().resolve()):
        raise UsageError(
            f"--key {path}: it would lie with the ledger, and whoever copies the one would have "
            "the other. Name a file elsewhere."
        )
    if not path.exists():
        if not path.parent.is_dir():
            raise UsageError(f"--key {path}: there is no folder {path.parent}.")
        put_new(path, file_of("opens", {"key": secrets.token_bytes(LENGTH)}))
    role, held = read_file(path)
    if role != "opens":
        raise UsageError(f"--key {path}: it is the key of who {role}. Name a new file.")
    return held["key"]


def put_new(path: Path, content: bytes) -> None:
    """Write a private file whole, unless one lies there by now: it then stays as it is."""
    aside = path.with_name(f".fingerpost-{os.urandom(8).hex()}")
    put(aside, content, private=True)
    try:
        os.link(aside, path)
    except FileExistsError:
        pass
    finally:
        aside.unlink()


def read_file(path: Path) -> tuple[str, dict[str, bytes]]:
    """Return the role of a key file, and what it holds. Raises Malformed where it is none."""
    if not path.is_file():
        raise Malformed(f"--key {path}: there is no such file.")
    try:
        said = json.loads(path.read_bytes())
        role = str(said["role"])
        held = {word: bytes.fromhex(said[word]) for word in ROLES[role]}
        fine = said["fingerpost"] == KIND and all(len(one) == LENGTH for one in held.values())
    except (ValueError, KeyError, TypeError):
        fine = False
    if not fine:
        raise Malformed(f"--key {path}: this is no key of a trial. Restore it from your copy.")
    return role, held


def read_keys(path: Path, *, trial: str, committed: Mapping[str, str]) -> Keys:
    """Return the keys of a trial from a role's file. Raises Malformed for those of another trial.

    committed: SHA-256 of each, as the plan holds them.
    """
    role, held = read_file(path)
    wrong = [
        word
        for word, value in held.items()
        if hashlib.sha256(value).hexdigest() != committed.get(word)
    ]
    if wrong:
        raise Malformed(f"--key {path}: it is not the key that this trial was opened with.")
    if role == "opens":
        return derived(held["key"], trial)
    return Keys(role, held["names"], held.get("arms"))


def hand_on(keys: Keys, role: str, *, path: Path, outside: Path) -> None:
    """Write the file of another role, which holds what that role needs and no more."""
    if role not in ("sees", "enrols"):
        raise UsageError(f'"{role}": a key is handed on to who {listed(("sees", "enrols"))}.')
    if keys.arms is None:
        raise UsageError(f"this is the key of who {keys.role}: it is not handed on.")
    if path.exists():
        raise UsageError(f"{path}: a file lies there already. Name a new one.")
    if path.absolute().resolve().is_relative_to(outside.absolute().resolve()):
        raise UsageError(f"{path}: a key never lies with the ledger. Name a file elsewhere.")
    put(path, file_of(role, {"names": keys.names, "arms": keys.arms}), private=True)
