"""Sealing what must not be read without a key, with HMAC-SHA256 alone, to the letter.

A sealed text is nonce ‖ c ‖ t in hexadecimal. nonce: 16 random bytes. The plain text is canonical
JSON, filled up with spaces to a multiple of 256 bytes, so that its length tells nothing; c is it
xor the blocks HMAC(key, "stream" ‖ nonce ‖ i), i from 0 as 8 bytes, most significant first; t is
HMAC(key, "tag" ‖ nonce ‖ c ‖ context). The context is public and says what the text belongs to, so
that no sealed text can be moved elsewhere.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import secrets
from typing import Any

from fingerpost.core.errors import Malformed
from fingerpost.ledger.chain import canonical

NONCE, TAG, FULL = 16, 32, 256


def mac(key: bytes, *parts: bytes) -> bytes:
    """Return HMAC-SHA256 of the parts, one after the other."""
    return hmac.new(key, b"".join(parts), hashlib.sha256).digest()


def _stream(key: bytes, nonce: bytes, length: int) -> bytes:
    """Return so many bytes of the key's stream."""
    blocks = range(-(-length // TAG))
    return b"".join(mac(key, b"stream", nonce, at.to_bytes(8, "big")) for at in blocks)[:length]


def _xor(one: bytes, other: bytes) -> bytes:
    """Return two texts of one length, byte by byte xor."""
    whole = int.from_bytes(one, "big") ^ int.from_bytes(other, "big")
    return whole.to_bytes(len(one), "big")


def seal(key: bytes, value: Any, *, context: str, nonce: bytes | None = None) -> str:
    """Return plain data sealed under a key. nonce: for tests alone; random if left out."""
    nonce = secrets.token_bytes(NONCE) if nonce is None else nonce
    plain = canonical(value)
    plain += b" " * (-len(plain) % FULL)
    hidden = _xor(plain, _stream(key, nonce, len(plain)))
    return (nonce + hidden + mac(key, b"tag", nonce, hidden, context.encode())).hex()


def unseal(key: bytes, text: str, *, context: str) -> Any:
    """Return what was sealed. Raises Malformed where it, or its context, was changed.

    >>> unseal(bytes(32), seal(bytes(32), {"arm": 1}, context="a"), context="a")
    {'arm': 1}
    """
    try:
        held = bytes.fromhex(text)
    except (ValueError, TypeError):
        held = b""
    nonce, hidden, tag = held[:NONCE], held[NONCE:-TAG], held[-TAG:]
    right = mac(key, b"tag", nonce, hidden, context.encode())
    if not hidden or not hmac.compare_digest(tag, right):
        raise Malformed("its seal is broken: what is sealed, or what it belongs to, was changed.")
    return json.loads(_xor(hidden, _stream(key, nonce, len(hidden))))
