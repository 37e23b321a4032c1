"""What an artifact is made of besides its own code: packages, as they and the lock file name themselves."""

import base64
import binascii
import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from email import policy
from email.parser import BytesParser
from urllib.parse import quote

_REQUIRED_NAME = re.compile(r"\s*([A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9])?)")
_ONLY_FOR_AN_EXTRA = re.compile(r"\bextra\s*==")
_CLASSIFIER = "License :: "
_LONGEST_NAME = 100  # characters; above this a `License` field holds the text of a licence, not its name

# Licences that packages name by their SPDX id, https://spdx.org/licenses/. Others are stated by name.
SPDX_IDS = frozenset(
    {
        *("0BSD", "Apache-2.0", "BSD-2-Clause", "BSD-3-Clause", "BSL-1.0", "CC0-1.0", "EPL-2.0", "ISC"),
        *("GPL-2.0-only", "GPL-3.0-only", "LGPL-2.1-only", "LGPL-3.0-only", "HPND", "MIT", "MIT-0"),
        *("MPL-2.0", "PSF-2.0", "Python-2.0", "Unicode-3.0", "Unlicense", "UPL-1.0", "ZPL-2.1", "Zlib"),
    }
)
# Integrity strings of npm, https://www.w3.org/TR/SRI/ -> CycloneDX's names
_ALGORITHMS = {"sha1": "SHA-1", "sha256": "SHA-256", "sha384": "SHA-384", "sha512": "SHA-512"}
_DIGEST_BYTES = {"sha1": 20, "sha256": 32, "sha384": 48, "sha512": 64}


@dataclass(frozen=True, slots=True)
class Hash:
    algorithm: str  # as CycloneDX names it: "SHA-256"
    value: str  # hex


@dataclass(frozen=True, slots=True)
class Licence:
    """One of the three ways to say it; the others are empty."""

    spdx: str = ""
    expression: str = ""
    name: str = ""


@dataclass(frozen=True, slots=True)
class Component:
    """A package in an artifact."""

    name: str
    version: str
    purl: str  # https://github.com/package-url/purl-spec
    licence: Licence | None
    files: tuple[Hash, ...]  # any one of these was installed: the lock file accepts no other
    requires: tuple[
        str, ...
    ] = ()  # names of other packages; those that are not in the artifact may be among them


@dataclass(frozen=True, slots=True)
class Built:
    """An artifact, as the documents beside it name it."""

    service: str
    artifact: str  # sha256 of the zip, hex
    content: str
    fingerprint: str
    runtime: str
    architecture: str
    target: str
    components: Sequence[Component]


def normalised(name: str) -> str:
    """https://packaging.python.org/en/latest/specifications/name-normalization/"""
    return re.sub(r"[-_.]+", "-", name).lower()


def python_components(
    metadata: Iterable[bytes], accepted: Mapping[tuple[str, str], Sequence[str]]
) -> tuple[Component, ...]:
    """Packages by the METADATA files of an artifact, sorted by name.

    `accepted` gives the sha256 (hex) that the lock file takes for a (normalised name, version). Format of
    METADATA: https://packaging.python.org/en/latest/specifications/core-metadata/
    """
    found = {}
    for data in metadata:
        fields = BytesParser(policy=policy.compat32).parsebytes(data, headersonly=True)
        name, version = normalised(str(fields.get("Name", ""))), str(fields.get("Version", "")).strip()
        if not name or not version:
            continue
        found[name] = Component(
            name=name,
            version=version,
            purl=f"pkg:pypi/{quote(name)}@{quote(version, safe='')}",
            licence=python_licence(
                str(fields.get("License-Expression", "")),
                str(fields.get("License", "")),
                [str(one) for one in fields.get_all("Classifier", [])],
            ),
            files=tuple(Hash("SHA-256", value) for value in sorted(accepted.get((name, version), ()))),
            requires=tuple(
                sorted({one for text in fields.get_all("Requires-Dist", []) for one in _required(str(text))})
            ),
        )
    return tuple(found[name] for name in sorted(found))


def python_licence(expression: str, field: str, classifiers: Sequence[str]) -> Licence | None:
    """The licence as its author states it: PEP 639 first, then the old field, then the classifiers."""
    if expression.strip():
        return Licence(expression=expression.strip())
    field = field.strip()
    if field in SPDX_IDS:
        return Licence(spdx=field)
    stated = [one.removeprefix(_CLASSIFIER) for one in classifiers if one.startswith(_CLASSIFIER)]
    named = [name.rpartition(" :: ")[2] for name in stated if name != "OSI Approved"]
    if field and field.upper() != "UNKNOWN" and len(field) <= _LONGEST_NAME and field.isprintable():
        return Licence(name=field)
    return Licence(name=" / ".join(named)) if named else None


def npm_components(lock: bytes) -> tuple[Component, ...]:
    """What a `package-lock.json` (version 2 or 3) installs beside what is for development only, sorted.

    A bundler takes a part of these: none that is not here can be in the artifact. Raises ValueError for
    anything but such a file. Its form: "package-lock.json" in the documentation of the npm CLI.
    """
    data = json.loads(lock)
    packages = data.get("packages") if isinstance(data, dict) else None
    if not isinstance(packages, dict):
        raise ValueError("there is no object `packages`: not a package-lock.json of version 2 or 3")
    found = {}
    for place, facts in packages.items():
        _, below, last = place.rpartition("node_modules/")
        if not below or not isinstance(facts, dict) or facts.get("dev") or facts.get("link"):
            continue
        name, version = str(facts.get("name") or last), str(facts.get("version") or "")
        if not version:
            continue
        found[name, version] = Component(
            name=name,
            version=version,
            purl=f"pkg:npm/{quote(name, safe='/')}@{quote(version, safe='')}",
            licence=_npm_licence(facts.get("license")),
            files=_integrity(str(facts.get("integrity") or "")),
            requires=tuple(sorted(map(str, facts.get("dependencies") or ()))),
        )
    return tuple(found[key] for key in sorted(found))


def _required(requirement: str) -> Iterable[str]:
    name = _REQUIRED_NAME.match(requirement)
    if name and not _ONLY_FOR_AN_EXTRA.search(requirement):
        yield normalised(name[1])


def _npm_licence(stated: object) -> Licence | None:
    if not isinstance(stated, str) or not stated.strip():
        return None
    stated = stated.strip()
    if stated in SPDX_IDS:
        return Licence(spdx=stated)
    if re.search(r"\b(?:AND|OR|WITH)\b", stated):
        return Licence(expression=stated)
    return Licence(name=stated)


def _integrity(text: str) -> tuple[Hash, ...]:
    hashes = []
    for part in text.split():
        algorithm, _, encoded = part.partition("-")
        try:
            value = base64.b64decode(encoded.partition("?")[0], validate=True)
        except (binascii.Error, ValueError):
            continue
        if len(value) == _DIGEST_BYTES.get(algorithm):
            hashes.append(Hash(_ALGORITHMS[algorithm], value.hex()))
    return tuple(hashes)
