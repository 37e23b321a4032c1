"""FunctionConfiguration, as AWS answers it, read into facts."""

import base64
import binascii
from collections.abc import Mapping
from typing import Any

from release.core import canonical
from release.core.snapshot import AliasFacts, FunctionFacts

LATEST = "$LATEST"


def function_facts(shown: Mapping[str, Any], reserved_concurrency: int | None) -> FunctionFacts:
    """Facts of the Configuration in GetFunction, or of an item in ListVersionsByFunction (without state)."""
    version = shown["Version"]
    return FunctionFacts(
        name=shown["FunctionName"],
        lambda_version=version,
        code=code_digest(shown["CodeSha256"]),
        configuration=configuration_digest(shown),
        revision=shown.get("RevisionId") or "",
        state=shown.get("State") or "",
        state_reason=shown.get("StateReason") or "",
        # AWS repeats the update that a version was published after; a version itself is never updated.
        last_update=(shown.get("LastUpdateStatus") or "") if version == LATEST else "",
        last_update_reason=(shown.get("LastUpdateStatusReason") or "") if version == LATEST else "",
        timeout=shown.get("Timeout") or 3,
        reserved_concurrency=reserved_concurrency,
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
    """Digest over what publishing freezes beside the code: `$LATEST` and a version of it have the same one.

    What is absent and what AWS fills in by default count as the same, whichever of the two an answer shows.
    Values of environment variables go in as a digest only.
    """
    vpc = shown.get("VpcConfig") or {}
    logging = shown.get("LoggingConfig") or {}
    log_format = logging.get("LogFormat") or "Text"
    log_level = "INFO" if log_format == "JSON" else ""  # levels exist for JSON logs only
    environment = shown.get("Environment") or {}
    image = (shown.get("ImageConfigResponse") or {}).get("ImageConfig") or {}
    return canonical.digest(
        {
            "architectures": list(shown.get("Architectures") or ["x86_64"]),
            "dead_letters": (shown.get("DeadLetterConfig") or {}).get("TargetArn") or "",
            "environment": canonical.digest(environment.get("Variables") or {}),
            # AWS could not decrypt the variables and shows none
            "environment_error": (environment.get("Error") or {}).get("ErrorCode") or "",
            "file_systems": [
                [system.get("Arn") or "", system.get("LocalMountPath") or ""]
                for system in shown.get("FileSystemConfigs") or []
            ],
            "handler": shown.get("Handler") or "",
            "image": {
                "command": image.get("Command") or [],
                "entry_point": image.get("EntryPoint") or [],
                "working_directory": image.get("WorkingDirectory") or "",
            },
            "kms_key": shown.get("KMSKeyArn") or "",
            "layers": [layer["Arn"] for layer in shown.get("Layers") or []],
            "logging": {
                "application_level": logging.get("ApplicationLogLevel") or log_level,
                "format": log_format,
                "group": logging.get("LogGroup") or f"/aws/lambda/{shown['FunctionName']}",
                "system_level": logging.get("SystemLogLevel") or log_level,
            },
            "memory": shown.get("MemorySize") or 128,
            "package": shown.get("PackageType") or "Zip",
            "role": shown.get("Role") or "",
            "runtime": shown.get("Runtime") or "",
            "snap_start": (shown.get("SnapStart") or {}).get("ApplyOn") or "None",
            "storage": (shown.get("EphemeralStorage") or {}).get("Size") or 512,
            "timeout": shown.get("Timeout") or 3,
            "tracing": (shown.get("TracingConfig") or {}).get("Mode") or "PassThrough",
            "vpc": {
                "ipv6": bool(vpc.get("Ipv6AllowedForDualStack")),
                "security_groups": sorted(vpc.get("SecurityGroupIds") or []),
                "subnets": sorted(vpc.get("SubnetIds") or []),
            },
        }
    )
