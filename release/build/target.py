"""What an artifact's dependencies are chosen for: AWS Lambda's runtime, or this machine's Python in the
sandbox.
"""

import platform
import sysconfig
from dataclasses import dataclass

from release.errors import Misconfigured

# glibc of the runtime's base image: Amazon Linux 2 has 2.26, Amazon Linux 2023 has 2.34. uv names no 2_26,
# and wheels for anything between 2_17 and 2_26 are rare.
# https://docs.aws.amazon.com/lambda/latest/dg/lambda-runtimes.html
_GLIBC = {
    "python3.9": "2_17",
    "python3.10": "2_17",
    "python3.11": "2_17",
    "python3.12": "2_34",
    "python3.13": "2_34",
    "python3.14": "2_34",
}
# The wheels are a little older than the system that they have to run on; binaries are held to the system.
# https://docs.aws.amazon.com/linux/al2023/ug/compare-with-al2.html
_SYSTEM_GLIBC = {"2_17": (2, 26), "2_34": (2, 34)}
_MACHINES = {"arm64": "aarch64", "x86_64": "x86_64"}


@dataclass(frozen=True, slots=True)
class Target:
    """`name` stands in fingerprints and manifests: `lambda`, or `host:<python x.y>-<system and machine>`."""

    name: str

    @property
    def is_host(self) -> bool:
        return self.name != "lambda"

    @classmethod
    def named(cls, choice: str) -> "Target":
        """`lambda` or `host`, as the user chooses it. Raises Misconfigured for anything else."""
        match choice:
            case "lambda":
                return LAMBDA
            case "host":
                version = ".".join(platform.python_version_tuple()[:2])
                return cls(f"host:{version}-{sysconfig.get_platform()}")
            case _:
                raise Misconfigured(
                    f"there is no build target {choice!r}", fix="set RELEASE_BUILD_TARGET to lambda or host"
                )

    def wheel_options(self, runtime: str, architecture: str) -> list[str]:
        """Options of `uv pip install` that choose wheels. For the host none: uv asks the interpreter."""
        if self.is_host:
            return []
        machine, glibc = _MACHINES[architecture], _GLIBC[runtime]
        return [
            "--python-version",
            runtime.removeprefix("python"),
            "--python-platform",
            f"{machine}-manylinux_{glibc}",  # takes wheels of every older glibc, too, newest first
        ]


LAMBDA = Target("lambda")


def machine_of(architecture: str) -> str:
    """As uname and ELF call it."""
    return _MACHINES[architecture]


def glibc_of(runtime: str) -> tuple[int, int]:
    """Version of the C library that a runtime of AWS Lambda has: (2, 34)."""
    if runtime == "provided.al2":
        return _SYSTEM_GLIBC["2_17"]
    return _SYSTEM_GLIBC[_GLIBC.get(runtime, "2_34")]


def refuse_unknown_runtime(service: str, runtime: str, architecture: str, *, see: str) -> None:
    """Raises Misconfigured for a runtime or architecture that there is no builder for."""
    if runtime not in _GLIBC:
        raise Misconfigured(
            f"{service} has the runtime {runtime}, which has no builder",
            fix=f"use one of {', '.join(_GLIBC)}",
            see=see,
        )
    if architecture not in _MACHINES:
        raise Misconfigured(
            f"{service} has the architecture {architecture}, which AWS Lambda does not have",
            fix=f"use one of {', '.join(_MACHINES)}",
            see=see,
        )
