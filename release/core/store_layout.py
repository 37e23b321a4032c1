"""Where an artifact store keeps things: the same keys in a folder and in every region's bucket."""

import re
from typing import Literal, get_args

Kind = Literal["zip", "template", "settings", "manifest", "sbom", "provenance"]

KINDS: tuple[str, ...] = get_args(Kind)

_DIGEST = re.compile(r"[0-9a-f]{64}")
_PART = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:@+-]*")


def object_key(kind: str, digest: str) -> str:
    """Key of stored bytes: `zip/<sha256>.zip`, or `<kind>/<sha256>`.

    Raises ValueError for an unknown kind or anything but a sha256 in hex, so that a digest out of a forged
    tag or manifest can never name another place.
    """
    if kind not in KINDS:
        raise ValueError(f"{kind!r} is not a kind of artifact ({', '.join(KINDS)})")
    if not _DIGEST.fullmatch(digest):
        raise ValueError(f"{digest!r} is not a sha256 in hexadecimal")
    return f"{kind}/{digest}.zip" if kind == "zip" else f"{kind}/{digest}"


def index_key(name: str, key: str) -> str:
    """Key of a write-once index entry: `index/<name>/<key>`. Raises ValueError for names that would leave the
    index.
    """
    parts = [name, *key.split("/")]
    if not all(_PART.fullmatch(part) for part in parts):
        raise ValueError(f"{name}/{key} is not the name of an index entry")
    return "/".join(["index", *parts])


def index_prefix(name: str, under: str = "") -> str:
    """What keys of index entries begin with: all of a name, or those below a folder. Raises ValueError."""
    return index_key(name, under) + "/" if under else index_key(name, "all").removesuffix("all")


def object_prefix(kind: str, digest: str) -> str:
    """What the keys of a kind begin with where the digest begins like this. Raises ValueError."""
    if kind not in KINDS:
        raise ValueError(f"{kind!r} is not a kind of artifact ({', '.join(KINDS)})")
    if not re.fullmatch(r"[0-9a-f]{0,64}", digest):
        raise ValueError(f"{digest!r} is not the beginning of a sha256 in hexadecimal")
    return f"{kind}/{digest}"


def is_digest(value: object) -> bool:
    """Whether something that was read can name stored bytes."""
    return isinstance(value, str) and _DIGEST.fullmatch(value) is not None


def digest_of(key: str) -> str | None:
    """The digest in an object's key. None: no object of ours has this key."""
    digest = key.partition("/")[2].removesuffix(".zip")
    return digest if _DIGEST.fullmatch(digest) else None
