"""Accounts, roles and buckets: whose credentials these are, whom roles trust, how artifacts are kept."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from shlex import quote

from release.core.doctor.findings import Finding, Trouble, no, ok, troubled, unknown
from release.core.doctor.trust import Jobs, RoleFacts, trust


@dataclass(frozen=True, slots=True)
class PlaceFacts:
    """One region of an environment. `reads`: name of a permission -> whether there is it."""

    environment: str
    account: str  # as configured
    region: str
    role: str | None  # whom we have become; None: we are who we were
    identity: str | Trouble  # the account that the credentials are of
    reads: Mapping[str, bool | Trouble]


@dataclass(frozen=True, slots=True)
class BoundaryFacts:
    """What pipelines/environments.yaml says of an environment into which a role of its own deploys."""

    environment: str
    policy: str | None


@dataclass(frozen=True, slots=True)
class BucketFacts:
    """`there` None: no bucket has this name. False: it is another account's. `location` None: not asked."""

    name: str
    account: str
    region: str
    there: bool | Trouble | None
    location: str | Trouble
    versioned: bool | Trouble
    encrypted: bool | Trouble
    private: bool | Trouble


@dataclass(frozen=True, slots=True)
class AwsFacts:
    repository: str | None  # OWNER/NAME on GitHub
    ids: tuple[int, int] | None  # of OWNER and NAME; None: not known
    places: tuple[PlaceFacts, ...]
    roles: tuple[RoleFacts, ...]
    boundaries: tuple[BoundaryFacts, ...]
    buckets: tuple[BucketFacts, ...]


def aws_findings(facts: AwsFacts) -> Iterator[Finding]:
    for place in facts.places:
        yield _account(place)
        yield _reads(place)
    jobs = Jobs(facts.repository, facts.ids) if facts.repository is not None else None
    for role in facts.roles:
        if jobs is not None:
            yield trust(role, jobs)
        else:
            says = "of which repository it should trust jobs is not known"
            yield unknown("trust", says, "mend what the check `github` says", role.label)
    for bound in facts.boundaries:
        yield _boundary(bound)
    for bucket in facts.buckets:
        yield from _bucket(bucket)


def _boundary(bound: BoundaryFacts) -> Finding:
    if bound.policy is not None:
        return ok("boundary", f"roles of functions are bound by {bound.policy}", bound.environment)
    return no(
        "boundary",
        "roles of functions have none: whoever changes a template may give a function any right",
        f"release infra bootstrap {bound.environment}; then write `boundary: release-boundary` into the "
        "environment in pipelines/environments.yaml, and bootstrap it again",
        bound.environment,
    )


def _account(place: PlaceFacts) -> Finding:
    subject = f"{place.environment} {place.region}"
    if isinstance(place.identity, Trouble):
        return troubled("account", place.identity, subject)
    if place.identity != place.account:
        return no(
            "account",
            f"the credentials are of {place.identity}, and {place.environment} is {place.account}",
            "set AWS_PROFILE to a profile of that account, or add `role:` to the environment in "
            "pipelines/environments.yaml; `aws sts get-caller-identity` shows who you are",
            subject,
        )
    return ok("account", place.account + (f", as {place.role}" if place.role else ""), subject)


def _reads(place: PlaceFacts) -> Finding:
    subject = f"{place.environment} {place.region}"
    if isinstance(place.identity, Trouble):
        return troubled("reads", place.identity, subject)
    denied = [name for name, may in place.reads.items() if may is False]
    if denied:
        return no("reads", f"{', '.join(denied)} denied", _allow(place.role, denied), subject)
    for may in place.reads.values():
        if isinstance(may, Trouble):
            return troubled("reads", may, subject)
    return ok("reads", "functions, stacks and alarms", subject)


def _allow(role: str | None, denied: Sequence[str]) -> str:
    policy = {
        "Version": "2012-10-17",
        "Statement": [{"Effect": "Allow", "Action": [*denied], "Resource": "*"}],
    }
    text = quote(json.dumps(policy, separators=(",", ":")))
    if role is None:
        return f"give whoever you are the policy {text}"
    name = quote(role.rsplit("/", 1)[-1])
    return f"aws iam put-role-policy --role-name {name} --policy-name release-reads --policy-document {text}"


# -- where artifacts are


def _bucket(bucket: BucketFacts) -> Iterator[Finding]:
    subject, at = bucket.name, f"--bucket {bucket.name} --region {bucket.region}"
    match bucket.there:
        case Trouble() as trouble:
            yield troubled("bucket", trouble, subject)
            return
        case None:
            where = (
                ""
                if bucket.region == "us-east-1"
                else f" --create-bucket-configuration LocationConstraint={bucket.region}"
            )
            fix = f"aws s3api create-bucket {at}{where} (in account {bucket.account})"
            yield no("bucket", f"there is none in {bucket.region}", fix, subject)
            return
        case False:
            yield no(
                "bucket",
                f"is not of account {bucket.account}, or nobody may look at it",
                f"allow s3:ListBucket on arn:aws:s3:::{bucket.name}; where the bucket is another account's,"
                " choose another `artifacts.bucket`",
                subject,
            )
            return
    if isinstance(bucket.location, Trouble):
        yield troubled("bucket", bucket.location, subject)
    elif bucket.location != bucket.region:
        yield no(
            "bucket",
            f"is in {bucket.location}, and Lambda in {bucket.region} takes code from its own region alone",
            "put {region} into artifacts.bucket, and make a bucket in every region",
            subject,
        )
    else:
        yield ok("bucket", f"{bucket.account}, {bucket.region}", subject)
    versioning = f"aws s3api put-bucket-versioning {at} --versioning-configuration Status=Enabled"
    yield _setting("bucket-versioned", bucket.versioned, "keeps no versions", versioning, subject)
    rule = '{"Rules":[{"ApplyServerSideEncryptionByDefault":{"SSEAlgorithm":"AES256"}}]}'
    encryption = f"aws s3api put-bucket-encryption {at} --server-side-encryption-configuration {quote(rule)}"
    yield _setting("bucket-encrypted", bucket.encrypted, "has no encryption by default", encryption, subject)
    block = "BlockPublicAcls=true,IgnorePublicAcls=true,BlockPublicPolicy=true,RestrictPublicBuckets=true"
    public = f"aws s3api put-public-access-block {at} --public-access-block-configuration {block}"
    yield _setting("bucket-private", bucket.private, "does not block public access", public, subject)


def _setting(check: str, value: bool | Trouble, wrong: str, fix: str, subject: str) -> Finding:
    if isinstance(value, Trouble):
        return troubled(check, value, subject)
    return ok(check, "on", subject) if value else no(check, wrong, fix, subject)
