"""One way to write JSON and to name bytes, so that equal facts have equal digests on every machine."""

import hashlib
import json
from typing import Any, Final

_FLAT: Final = frozenset({str, int, bool, type(None)})  # most of what is looked at, thousands in a manifest


def dumps(value: Any) -> bytes:
    """Canonical JSON: UTF-8, keys sorted, no white space, one newline at the end. Floats are refused.

    Raises TypeError for a float or anything JSON cannot hold: the text of a float differs between writers.
    """
    _refuse_floats(value)
    text = json.dumps(
        value,
        sort_keys=True,
        ensure_ascii=False,
        separators=(",", ":"),
        allow_nan=False,
    )
    return text.encode() + b"\n"


def sha256(data: bytes) -> str:
    """Hexadecimal digest, 64 characters: the form in which manifests, tags and the ledger name bytes."""
    return hashlib.sha256(data).hexdigest()


def digest(value: Any) -> str:
    """Digest of a value's canonical JSON."""
    return sha256(dumps(value))


def _refuse_floats(value: Any) -> None:
    if isinstance(value, float):
        raise TypeError(f"a float ({value!r}) has no canonical form; use an integer or a string")
    if isinstance(value, dict):
        for key, item in value.items():
            if not isinstance(key, str):
                raise TypeError(f"the key {key!r} is not a string")
            if type(item) not in _FLAT:
                _refuse_floats(item)
    elif isinstance(value, list | tuple):
        for item in value:
            if type(item) not in _FLAT:
                _refuse_floats(item)
