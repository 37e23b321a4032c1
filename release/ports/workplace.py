"""What stands around a release without taking part: programs of this machine, roles and buckets of AWS."""

from collections.abc import Mapping
from typing import Any, Protocol

from release.core.models import Place


class Machine(Protocol):
    """This machine. Never raises for what is not there."""

    def version(self, program: str) -> str | None:
        """What a program says with --version, its first line. None: it is not there, or does not start."""

    def is_shallow(self) -> bool:
        """Whether the clone lacks a part of its history. Raises Misconfigured."""


class AwsSetup(Protocol):
    """How accounts are set up. Only reads; raises Misconfigured and Unavailable within seconds."""

    def account(self, place: Place) -> str:
        """Account id that the credentials for this place belong to."""

    def becomes(self, place: Place) -> str | None:
        """ARN of the role that is assumed for this place. None: the credentials are taken as they are."""

    def may(self, place: Place, permission: str) -> bool:
        """Whether one of `PLAN_READS` is allowed."""

    def trust(self, place: Place, role: str) -> Mapping[str, Any]:
        """The trust policy of a role of the place's account."""

    def has_bucket(self, place: Place, bucket: str) -> bool | None:
        """None: no bucket has this name. False: it is another account's, or we may not look."""

    def bucket_region(self, place: Place, bucket: str) -> str: ...

    def is_versioned(self, place: Place, bucket: str) -> bool: ...

    def is_encrypted(self, place: Place, bucket: str) -> bool:
        """Whether what is put there without a word about it is encrypted."""

    def is_private(self, place: Place, bucket: str) -> bool:
        """Whether all public access is blocked, for the bucket or for its account."""


PLAN_READS = ("lambda:GetFunction", "cloudformation:DescribeStacks", "cloudwatch:DescribeAlarms")
