"""What publishing freezes beside the code: as AWS shows it, and as a template asks for it."""

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from release.core import canonical
from release.core.infra_values import Template, Value, function_of
from release.core.models import Place

UNKNOWN: Final = "\0unknown"  # what a template leaves to CloudFormation: it is compared with nothing
_PSEUDO: Final = re.compile(r"\$\{([^}]*)\}")
# Property of AWS::Lambda::Function -> what it is called among the settings
_PROPERTIES: Final = {
    "Architectures": "architectures",
    "DeadLetterConfig": "dead_letters",
    "Environment": "environment",
    "EphemeralStorage": "storage",
    "FileSystemConfigs": "file_systems",
    "ImageConfig": "image",
    "KmsKeyArn": "kms_key",
    "Layers": "layers",
    "LoggingConfig": "logging",
    "SnapStart": "snap_start",
    "TracingConfig": "tracing",
    "VpcConfig": "vpc",
}


def frozen_settings(shown: Mapping[str, Any]) -> dict[str, Any]:
    """Settings of a FunctionConfiguration: `$LATEST` and a version of it have the same ones.

    What is absent and what AWS fills in by default count as the same, whichever of the two an answer shows.
    Values of environment variables go in as digests only. Names and defaults:
    https://docs.aws.amazon.com/lambda/latest/api/API_FunctionConfiguration.html
    """
    vpc = shown.get("VpcConfig") or {}
    logging = shown.get("LoggingConfig") or {}
    log_format = logging.get("LogFormat") or "Text"
    log_level = "INFO" if log_format == "JSON" else ""  # levels exist for JSON logs only
    environment = shown.get("Environment") or {}
    variables: Mapping[str, str] = environment.get("Variables") or {}
    image = (shown.get("ImageConfigResponse") or {}).get("ImageConfig") or {}
    return {
        "architectures": list(shown.get("Architectures") or ["x86_64"]),
        "dead_letters": (shown.get("DeadLetterConfig") or {}).get("TargetArn") or "",
        "environment": {name: _veiled(value) for name, value in variables.items()},
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
            "ipv6": str(vpc.get("Ipv6AllowedForDualStack") or False).lower(),
            "security_groups": sorted(vpc.get("SecurityGroupIds") or []),
            "subnets": sorted(vpc.get("SubnetIds") or []),
        },
    }


def _veiled(value: str) -> str:
    return UNKNOWN if UNKNOWN in value else canonical.digest(value)


def flat(settings: Mapping[str, Any]) -> dict[str, str]:
    """Setting -> value as one text: "memory" -> "256", "vpc.subnets" -> "subnet-1, subnet-2"."""
    return dict(_flat(settings, ""))


def _flat(settings: Mapping[str, Any], path: str) -> Iterator[tuple[str, str]]:
    for name, value in settings.items():
        if isinstance(value, str | int):  # most are, and asking for a Mapping takes longest
            yield path + name, str(value)
        elif isinstance(value, Mapping):
            yield from _flat(value, f"{path}{name}.")
        elif isinstance(value, Sequence):
            items = (" ".join(one) if isinstance(one, list) else str(one) for one in value)
            yield path + name, ", ".join(items)
        else:
            yield path + name, str(value)


def asked_for(template: Template, function: str, place: Place) -> dict[str, str] | None:
    """The settings that a template gives a function, flat. None: it has no function of this name.

    What only CloudFormation knows (another resource's id, a condition) is UNKNOWN; a whole group of settings
    then stands under the name of the group ("vpc").
    """
    resources = template.get("Resources")
    resources = resources if isinstance(resources, Mapping) else {}
    for resource in resources.values():
        if not isinstance(resource, Mapping) or resource.get("Type") != "AWS::Lambda::Function":
            continue
        properties = _resolved(resource.get("Properties") or {}, place, resources)
        if isinstance(properties, Mapping) and properties.get("FunctionName") == function:
            return _as_shown(properties)
    return None


def _as_shown(properties: Mapping[str, Any]) -> dict[str, str]:
    """Properties of a template in the form in which GetFunction shows them, and from there to settings."""
    unknown = {one for name, one in _PROPERTIES.items() if properties.get(name) == UNKNOWN}
    shown: dict[str, Any] = {name: value for name, value in properties.items() if value != UNKNOWN}
    if (shown.get("Environment") or {}).get("Variables") == UNKNOWN:
        unknown.add("environment")
        del shown["Environment"]
    for name in ("Handler", "MemorySize", "PackageType", "Role", "Runtime", "Timeout"):
        shown[name] = properties.get(name)
    shown["KMSKeyArn"] = shown.get("KmsKeyArn")
    shown["Layers"] = [{"Arn": arn} for arn in shown.get("Layers") or []]
    shown["ImageConfigResponse"] = {"ImageConfig": shown.get("ImageConfig") or {}}
    shown["VpcConfig"] = {
        name: [value] if value == UNKNOWN and name.endswith("Ids") else value
        for name, value in (shown.get("VpcConfig") or {}).items()
    }
    return {
        name: UNKNOWN if UNKNOWN in value else value
        for name, value in flat(frozen_settings(shown)).items()
        if name.split(".")[0] not in unknown
    } | dict.fromkeys(unknown, UNKNOWN)


def _resolved(value: Value, place: Place, resources: Mapping[str, Value]) -> Any:
    """A value with what a template can say without CloudFormation; UNKNOWN for the rest."""
    if isinstance(value, str):
        return value
    if not isinstance(value, Mapping):
        return [_resolved(one, place, resources) for one in value]
    match function_of(value):
        case None:
            return {name: _resolved(one, place, resources) for name, one in value.items()}
        case "Ref":
            return _pseudo(value["Ref"], place)
        case "Fn::Sub":
            text = value["Fn::Sub"]
            if not isinstance(text, str):
                return UNKNOWN
            return _PSEUDO.sub(lambda found: _pseudo(found[1], place), text)
        case "Fn::GetAtt":
            return _role(value["Fn::GetAtt"], place, resources)
        case _:
            return UNKNOWN


def _pseudo(name: Value, place: Place) -> str:
    match name:
        case "AWS::Region":
            return place.region
        case "AWS::AccountId":
            return place.account
        case "AWS::Partition":
            return _partition(place.region)
        case _:
            return UNKNOWN


def _partition(region: str) -> str:
    """https://docs.aws.amazon.com/IAM/latest/UserGuide/reference-arns.html"""
    prefixes = {"cn": "aws-cn", "us-gov": "aws-us-gov"}
    return next((name for prefix, name in prefixes.items() if region.startswith(f"{prefix}-")), "aws")


def _role(named: Value, place: Place, resources: Mapping[str, Value]) -> str:
    """The ARN of a role of the same template that has a name."""
    if not isinstance(named, str) or not named.endswith(".Arn"):
        return UNKNOWN
    resource = resources.get(named.removesuffix(".Arn"))
    if not isinstance(resource, Mapping) or resource.get("Type") != "AWS::IAM::Role":
        return UNKNOWN
    properties = resource.get("Properties")
    if not isinstance(properties, Mapping) or "Path" in properties or "RoleName" not in properties:
        return UNKNOWN
    name = _resolved(properties["RoleName"], place, {})
    return (
        UNKNOWN
        if not isinstance(name, str)
        else f"arn:{_partition(place.region)}:iam::{place.account}:role/{name}"
    )
