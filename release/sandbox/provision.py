"""What an organisation has before its first release: deploy roles in the accounts, and artifact buckets.

The accounts know GitHub as an issuer of identities, and the deploy roles trust every job of the forge. What
bounds the roles of functions is there, too: `boundary: release-boundary`.
"""

import contextlib
import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import boto3
from botocore.config import Config

from release.core.platform import BOUNDARY, boundary_policy
from release.sandbox.forge.oidc import ISSUER

AUDIENCE = "sts.amazonaws.com"  # for whom jobs ask for their tokens
_SECRET = "sandbox"  # the sandbox takes any  # noqa: S105


@dataclass(frozen=True, slots=True)
class Environment:
    """Where a stage lives; `role` is the ARN of its deploy role, None where the account itself deploys."""

    account: str
    regions: tuple[str, ...]
    role: str | None


def provision(
    endpoint: str, environments: Sequence[Environment], *, artifact_account: str, bucket_pattern: str
) -> None:
    """Creates the roles and buckets; see `Sandbox.provision`."""
    session = boto3.session.Session()

    def client(service: str, account: str, region: str) -> Any:
        return session.client(
            service,
            region,
            endpoint_url=endpoint,
            aws_access_key_id=account,
            aws_secret_access_key=_SECRET,
            config=Config(proxies={}),
        )

    accounts = sorted({environment.account for environment in environments})
    trusted = [f"arn:aws:iam::{account}:root" for account in sorted({artifact_account, *accounts})]
    for role in sorted({environment.role for environment in environments if environment.role}):
        account = role.split(":")[4]
        iam = client("iam", account, "us-east-1")
        _create_role(iam, role.rsplit("/", 1)[-1], trusted, _know_github(iam, account))
        with contextlib.suppress(iam.exceptions.EntityAlreadyExistsException):
            iam.create_policy(PolicyName=BOUNDARY, PolicyDocument=json.dumps(boundary_policy()))
    for region in sorted({region for environment in environments for region in environment.regions}):
        s3 = client("s3", artifact_account, region)
        _create_bucket(s3, bucket_pattern.format(region=region), region, accounts)


def _know_github(iam: Any, account: str) -> str:
    """The ARN of GitHub as an identity provider of the account."""
    with contextlib.suppress(iam.exceptions.EntityAlreadyExistsException):
        iam.create_open_id_connect_provider(Url=ISSUER, ClientIDList=[AUDIENCE])
    return f"arn:aws:iam::{account}:oidc-provider/{ISSUER.removeprefix('https://')}"


def _create_role(iam: Any, name: str, trusted: Sequence[str], provider: str) -> None:
    by_accounts = {"Effect": "Allow", "Principal": {"AWS": list(trusted)}, "Action": "sts:AssumeRole"}
    by_jobs = {
        "Effect": "Allow",
        "Principal": {"Federated": provider},
        "Action": "sts:AssumeRoleWithWebIdentity",
        "Condition": {"StringEquals": {f"{ISSUER.removeprefix('https://')}:aud": AUDIENCE}},
    }
    try:
        iam.create_role(RoleName=name, AssumeRolePolicyDocument=_policy(by_accounts, by_jobs))
    except iam.exceptions.EntityAlreadyExistsException:
        return


def _create_bucket(s3: Any, name: str, region: str, readers: Iterable[str]) -> None:
    # us-east-1 is the one region that CreateBucket refuses as a location.
    location = {} if region == "us-east-1" else {"CreateBucketConfiguration": {"LocationConstraint": region}}
    try:
        s3.create_bucket(Bucket=name, **location)
    except (s3.exceptions.BucketAlreadyOwnedByYou, s3.exceptions.BucketAlreadyExists):
        return
    s3.put_bucket_versioning(Bucket=name, VersioningConfiguration={"Status": "Enabled"})
    principals = {"AWS": [f"arn:aws:iam::{account}:root" for account in readers]}
    s3.put_bucket_policy(
        Bucket=name,
        Policy=_policy(
            {
                "Effect": "Allow",
                "Principal": principals,
                "Action": ["s3:GetObject", "s3:GetObjectVersion"],
                "Resource": f"arn:aws:s3:::{name}/*",
            },
            {
                "Effect": "Allow",
                "Principal": principals,
                "Action": "s3:ListBucket",
                "Resource": f"arn:aws:s3:::{name}",
            },
        ),
    )


def _policy(*statements: dict[str, Any]) -> str:
    return json.dumps({"Version": "2012-10-17", "Statement": statements})
