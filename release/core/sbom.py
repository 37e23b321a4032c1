"""The bill of materials of an artifact: a CycloneDX 1.6 document, the same bytes for the same artifact.

https://cyclonedx.org/docs/1.6/json/ names every field. There is no time in it, and its serial number comes
from the artifact's digest: whoever builds the same artifact again writes the same document.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Literal

from release.core import canonical
from release.core.components import Built, Component, Hash, Licence

NAMESPACE = "lambda-release"  # of our properties

# How much of what is in the artifact the components tell.
Known = Literal["complete", "at-most", "unknown"]
AGGREGATES: Mapping[Known, str] = {"complete": "complete", "at-most": "incomplete", "unknown": "unknown"}
_SAYS: Mapping[Known, str] = {
    "complete": "every package that was installed into the artifact",
    "at-most": "every package that the bundler may have taken from; the bundle holds a part of these",
    "unknown": "a command of the service made the artifact; what it took in is not known here",
}


def document(of: Built, known: Known, tools: Mapping[str, str]) -> bytes:
    """The document, as canonical JSON. `tools` are those that made the artifact, name -> version."""
    service = f"service:{of.service}"
    by_name: dict[
        str, list[str]
    ] = {}  # npm may install several versions; which one is asked for is not known
    for one in of.components:
        by_name.setdefault(one.name, []).append(one.purl)
    return canonical.dumps(
        {
            "bomFormat": "CycloneDX",
            "specVersion": "1.6",
            "serialNumber": f"urn:uuid:{_uuid(of)}",
            "version": 1,
            "metadata": {
                "lifecycles": [{"phase": "build"}],
                "tools": {
                    "components": [
                        {"type": "application", "name": name, "version": version}
                        for name, version in sorted(tools.items())
                    ]
                },
                "component": {
                    "type": "application",
                    "bom-ref": service,
                    "name": of.service,
                    "purl": f"pkg:generic/{of.service}?checksum=sha256:{of.artifact}",
                    "hashes": [{"alg": "SHA-256", "content": of.artifact}],
                    "properties": _properties(
                        architecture=of.architecture,
                        components=_SAYS[known],
                        content=of.content,
                        fingerprint=of.fingerprint,
                        runtime=of.runtime,
                        target=of.target,
                    ),
                },
            },
            "components": [_component(one) for one in of.components],
            "dependencies": [
                {"ref": service, "dependsOn": [one.purl for one in of.components]},
                *(
                    {
                        "ref": one.purl,
                        "dependsOn": [purl for n in one.requires for purl in by_name.get(n, ())],
                    }
                    for one in of.components
                ),
            ],
            "compositions": [{"aggregate": AGGREGATES[known], "assemblies": [service]}],
        }
    )


def _component(one: Component) -> dict[str, Any]:
    made: dict[str, Any] = {
        "type": "library",
        "bom-ref": one.purl,
        "name": one.name,
        "version": one.version,
        "purl": one.purl,
    }
    if one.licence:
        made["licenses"] = [_licence(one.licence)]
    if len(one.files) == 1:
        made["hashes"] = _hashes(one.files)
    elif one.files:
        made["externalReferences"] = [
            {
                "type": "distribution",
                "url": one.purl,
                "comment": "one of these files: the lock file accepts no other",
                "hashes": _hashes(one.files),
            }
        ]
    return made


def _hashes(hashes: Sequence[Hash]) -> list[dict[str, str]]:
    return [{"alg": one.algorithm, "content": one.value} for one in hashes]


def _licence(licence: Licence) -> dict[str, Any]:
    if licence.expression:
        return {"expression": licence.expression}
    return {"license": {"id": licence.spdx} if licence.spdx else {"name": licence.name}}


def _properties(**values: str) -> list[dict[str, str]]:
    return [{"name": f"{NAMESPACE}:{name}", "value": value} for name, value in sorted(values.items())]


def _uuid(of: Built) -> str:
    """A UUID of our own making (RFC 9562, version 8) out of a digest."""
    digest = canonical.digest(["sbom", of.service, of.artifact])
    variant = "89ab"[int(digest[16], 16) % 4]
    return f"{digest[:8]}-{digest[8:12]}-8{digest[13:16]}-{variant}{digest[17:20]}-{digest[20:32]}"
