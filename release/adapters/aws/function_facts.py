"""FunctionConfiguration, as AWS answers it, read into facts."""

import base64
import binascii
from collections.abc import Mapping
from typing import Any

from release.core import canonical
from release.core.frozen import flat, frozen_settings
from release.core.snapshot import AliasFacts, FunctionFacts

LATEST = "$LATEST"


def function_facts(shown: Mapping[str, Any], reserved_concurrency: int | None) -> FunctionFacts:
    """Facts of the Configuration in GetFunction, or of an item in ListVersionsByFunction (without state)."""
    version = shown["Version"]
    settings = frozen_settings(shown)
    return FunctionFacts(
        name=shown["FunctionName"],
        lambda_version=version,
        code=code_digest(shown["CodeSha256"]),
        configuration=canonical.digest(settings),
        revision=shown.get("RevisionId") or "",
        state=shown.get("State") or "",
        state_reason=shown.get("StateReason") or "",
        # AWS repeats the update that a version was published after; a version itself is never updated.
        last_update=(shown.get("LastUpdateStatus") or "") if version == LATEST else "",
        last_update_reason=(shown.get("LastUpdateStatusReason") or "") if version == LATEST else "",
        timeout=shown.get("Timeout") or 3,
        reserved_concurrency=reserved_concurrency,
        settings=flat(settings),
    )


def alias_facts(shown: Mapping[str, Any]) -> AliasFacts:
    weights = (shown.get("RoutingConfig") or {}).get("AdditionalVersionWeights") or {}
    return AliasFacts(
        name=shown["Name"],
        lambda_version=shown["FunctionVersion"],
        weights={version: float(weight) for version, weight in weights.items()},
        revision=shown.get("RevisionId") or "",
        description=shown.get("Description") or "",
    )


def code_digest(code_sha256: str) -> str:
    """CodeSha256 as hex. A container image's is hex already: 64 characters, which also pass as base64."""
    try:
        decoded = base64.b64decode(code_sha256, validate=True)
    except binascii.Error:
        return code_sha256
    return decoded.hex() if len(decoded) == 32 else code_sha256


def code_sha256(digest: str) -> str:
    """A sha256 in hex in the form that AWS compares with CodeSha256."""
    return base64.b64encode(bytes.fromhex(digest)).decode()


def configuration_digest(shown: Mapping[str, Any]) -> str:
    """Digest over what publishing freezes beside the code, as `frozen_settings` has it."""
    return canonical.digest(frozen_settings(shown))
