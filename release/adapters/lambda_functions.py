"""AWS Lambda behind the port `Functions`."""

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from datetime import datetime
from functools import partial
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from release.adapters.aws import Aws
from release.adapters.aws.alias_revisions import AliasRevisions
from release.adapters.aws.errors import error_code, error_message, http_status, translated
from release.adapters.aws.function_facts import (
    LATEST,
    alias_facts,
    code_digest,
    code_sha256,
    function_facts,
)
from release.adapters.aws.lambda_calls import BUSY, STALE, LambdaCalls
from release.adapters.aws.looks import looks
from release.core.models import Place
from release.core.snapshot import AliasFacts, FunctionFacts, Invocation
from release.errors import ForeignChange, Misconfigured, RolloutFailed, Unavailable
from release.ports import Code, S3Code

if TYPE_CHECKING:
    from mypy_boto3_lambda import LambdaClient

_MISSING = "ResourceNotFoundException"
_SETTLE_SECONDS = 300.0  # a function in a VPC or with SnapStart takes minutes
_APPEAR_SECONDS = 3.0  # a version that was published a moment ago may not be found at once
_AGREE_SECONDS = 30.0  # aliases are eventually consistent: a read may not know yet what we have written
_LONGEST_PAUSE = 1.0
_INVOKE_MARGIN_SECONDS = 5.0  # for the cold start and the way there and back
_DIRECT_UPLOAD_BYTES = 50 * 1024 * 1024
_LOOK = "see CloudTrail for who changed it, then run the same command again: it observes and plans afresh"


class LambdaFunctions:
    """The port `Functions` over botocore. Safe to share between threads."""

    def __init__(self, aws: Aws) -> None:
        self._aws = aws
        self._calls = LambdaCalls(aws)
        self._revisions = AliasRevisions()

    def undoing(self) -> AbstractContextManager[None]:
        return self._calls.undoing()

    def credentials_end(self, place: Place) -> datetime | None:
        return self._aws.credentials_end(place)

    def account(self, place: Place) -> str:
        return self._aws.account(place)

    def function(self, place: Place, name: str, qualifier: str | None = None) -> FunctionFacts | None:
        with translated(place, f"reading function {_qualified(name, qualifier)}"):
            try:
                shown = self._calls.get_function(
                    place, lambda api: api.get_function(FunctionName=name, Qualifier=qualifier or LATEST)
                )
            except ClientError as error:
                if error_code(error) == _MISSING:
                    return None
                raise
            concurrency = shown.get("Concurrency", {}).get("ReservedConcurrentExecutions")
            return function_facts(shown["Configuration"], concurrency)

    def settled(self, place: Place, name: str, qualifier: str | None = None) -> FunctionFacts:
        facts = self._at_rest(place, name, qualifier)
        what = f"{_qualified(name, qualifier)} in {place}"
        if facts.last_update == "Failed":
            raise RolloutFailed(
                f"AWS could not update {what}: {facts.last_update_reason or 'it gave no reason'}",
                fix="mend what the reason names (role, subnets, KMS key, layer), then promote again",
            )
        if facts.state == "Failed":
            raise RolloutFailed(
                f"AWS could not start {what}: {facts.state_reason or 'it gave no reason'}",
                fix="mend what the reason names (role, subnets, KMS key, layer), then promote again",
            )
        return facts

    def versions(self, place: Place, name: str) -> Sequence[FunctionFacts]:
        with translated(place, f"listing versions of {name}"):
            return tuple(function_facts(shown, None) for shown in self._published(place, name))

    def alias(self, place: Place, name: str, alias: str) -> AliasFacts | None:
        """As AWS has it after every write of this process: answers from before one are asked for again."""
        key = (place, name, alias)
        facts: AliasFacts | None = None
        for _ in looks(self._aws, _AGREE_SECONDS, longest=_LONGEST_PAUSE):
            facts = self._read_alias(place, name, alias)
            revision = facts.revision if facts else None
            if not self._revisions.is_over(key, revision):
                self._revisions.saw(key, revision)
                return facts
        if facts is None:  # somebody has deleted it again: that looks the same
            return None
        raise Unavailable(
            f"AWS still shows alias {alias} of {name} in {place} as it was before our own change",
            fix="wait a minute, then run the same command again",
        )

    def _read_alias(self, place: Place, name: str, alias: str) -> AliasFacts | None:
        with translated(place, f"reading alias {alias} of {name}"):
            try:
                shown = self._calls.read(place, lambda api: api.get_alias(FunctionName=name, Name=alias))
            except ClientError as error:
                if error_code(error) == _MISSING:
                    return None
                raise
            return alias_facts(shown)

    def update_code(self, place: Place, name: str, code: Code, *, digest: str, revision: str) -> None:
        source = _source(code)

        def send(api: "LambdaClient") -> str:
            answer = api.update_function_code(FunctionName=name, RevisionId=revision, Publish=False, **source)
            return code_digest(answer["CodeSha256"])

        def landed() -> str | None:
            now = self.function(place, name)
            return digest if now and now.revision != revision and now.code == digest else None

        with translated(place, f"updating the code of {name}"):
            try:
                taken = self._calls.write(
                    place, send, landed=landed, when_busy=lambda: self._wait(place, name)
                )
            except ClientError as error:
                if error_code(error) in (STALE, _MISSING):
                    raise self._foreign_function(place, name, f"revision {revision}") from error
                raise
        if taken != digest:
            raise Misconfigured(
                f"AWS took code {taken[:12]} for {name} in {place}, expected {digest[:12]}",
                fix="the artifact store holds other bytes under this name: find out who changed it",
            )

    def publish(self, place: Place, name: str, *, code: str, revision: str, description: str) -> str:
        def send(api: "LambdaClient") -> tuple[str, str]:
            answer = api.publish_version(
                FunctionName=name, CodeSha256=code_sha256(code), RevisionId=revision, Description=description
            )
            return answer["Version"], code_digest(answer["CodeSha256"])

        def landed() -> tuple[str, str] | None:
            latest = self.function(place, name)
            for shown in reversed(self._published(place, name)):
                facts = function_facts(shown, None)
                if facts.code == code and (shown.get("Description") or "") == description:
                    same = latest is not None and facts.configuration == latest.configuration
                    return (facts.lambda_version, code) if same else None
            return None

        with translated(place, f"publishing a version of {name}"):
            try:
                version, published = self._calls.write(
                    place, send, landed=landed, when_busy=lambda: self._wait(place, name)
                )
            except ClientError as error:
                other_code = http_status(error) == 400 and "codesha256" in error_message(error).lower()
                if other_code or error_code(error) in (STALE, _MISSING):
                    expected = f"code {code[:12]} at revision {revision}"
                    raise self._foreign_function(place, name, expected) from error
                raise
        if published != code:
            raise ForeignChange(
                f"version {version} of {name} in {place} was published with code {published[:12]}, "
                f"expected {code[:12]}",
                fix=_LOOK,
            )
        return version

    def create_alias(
        self, place: Place, name: str, alias: str, *, lambda_version: str, description: str
    ) -> AliasFacts:
        key = (place, name, alias)

        def landed() -> AliasFacts | None:
            now = self.alias(place, name, alias)
            return now if now and _serves(now, lambda_version, {}, description) else None

        with translated(place, f"creating alias {alias} of {name}"):
            try:
                return self._calls.write(
                    place,
                    lambda api: self._replacing(
                        key,
                        None,
                        lambda: api.create_alias(
                            FunctionName=name,
                            Name=alias,
                            FunctionVersion=lambda_version,
                            Description=description,
                        ),
                    ),
                    landed=landed,
                )
            except ClientError as error:
                if error_code(error) == BUSY and (found := landed()) is not None:
                    return found
                if error_code(error) in (BUSY, _MISSING):
                    raise self._foreign_alias(place, name, alias) from error
                raise

    def update_alias(
        self,
        place: Place,
        name: str,
        alias: str,
        *,
        lambda_version: str,
        revision: str,
        description: str,
        weights: Mapping[str, float] | None = None,
    ) -> AliasFacts:
        key = (place, name, alias)
        shares = dict(weights or {})

        def landed() -> AliasFacts | None:
            now = self.alias(place, name, alias)
            ours = now and now.revision != revision and _serves(now, lambda_version, shares, description)
            return now if ours else None

        with translated(place, f"moving alias {alias} of {name}"):
            try:
                return self._calls.write(
                    place,
                    lambda api: self._replacing(
                        key,
                        revision,
                        lambda: api.update_alias(
                            FunctionName=name,
                            Name=alias,
                            FunctionVersion=lambda_version,
                            Description=description,
                            RevisionId=revision,
                            # Said explicitly: without it, weights of a canary may stay.
                            RoutingConfig={"AdditionalVersionWeights": shares},
                        ),
                    ),
                    landed=landed,
                    when_busy=lambda: self._aws.sleep(_LONGEST_PAUSE),
                )
            except ClientError as error:
                if error_code(error) in (STALE, _MISSING):
                    raise self._foreign_alias(place, name, alias) from error
                raise

    def delete_alias(self, place: Place, name: str, alias: str) -> None:
        with translated(place, f"deleting alias {alias} of {name}"):
            try:
                # Deleting twice does no harm: AWS answers 204 when nothing is there.
                self._calls.read(place, lambda api: api.delete_alias(FunctionName=name, Name=alias))
            except ClientError as error:
                if error_code(error) != _MISSING:
                    raise
        self._revisions.deleted((place, name, alias))

    def _replacing(
        self, key: tuple[Place, str, str], revision: str | None, write: Callable[[], Any]
    ) -> AliasFacts:
        """Write over a revision (None: over nothing). Done or refused, it is over from then on."""
        try:
            facts = alias_facts(write())
        except ClientError as error:
            if error_code(error) == (STALE if revision else BUSY):
                self._revisions.ended(key, revision)
            raise
        self._revisions.ended(key, revision)
        self._revisions.saw(key, facts.revision)
        return facts

    def invoke(self, place: Place, name: str, qualifier: str, payload: bytes, *, timeout: int) -> Invocation:
        what = _qualified(name, qualifier)
        with translated(place, f"invoking {what}"):
            # attempts=1: a function that answers late has run, and must not run again behind our back
            api: LambdaClient = self._aws.client(
                place, "lambda", attempts=1, read_timeout=timeout + _INVOKE_MARGIN_SECONDS
            )
            try:
                answer = api.invoke(FunctionName=name, Qualifier=qualifier, Payload=payload)
                return Invocation(
                    status=answer["StatusCode"],
                    function_error=answer.get("FunctionError") or None,
                    executed_version=answer.get("ExecutedVersion") or None,
                    payload=answer["Payload"].read(),
                )
            except ClientError as error:
                if error_code(error) == _MISSING:
                    raise ForeignChange(f"{what} in {place} does not exist any more", fix=_LOOK) from error
                if http_status(error) == 409:  # Pending, or being woken up
                    raise Unavailable(
                        f"{what} in {place} is not ready: {error_message(error)}",
                        fix="wait a moment, then try again",
                    ) from error
                raise

    def _published(self, place: Place, name: str) -> list[dict[str, Any]]:
        """Every version as AWS shows it, oldest first."""
        found: list[dict[str, Any]] = []
        request = {"FunctionName": name}
        while True:
            shown = self._calls.read(place, partial(_list_versions, request))
            found += [version for version in shown["Versions"] if version["Version"] != LATEST]
            if not shown.get("NextMarker"):
                return sorted(found, key=lambda version: int(version["Version"]))
            request["Marker"] = shown["NextMarker"]

    def _wait(self, place: Place, name: str) -> None:
        self._at_rest(place, name, None)

    def _at_rest(self, place: Place, name: str, qualifier: str | None) -> FunctionFacts:
        """Wait until nothing is going on, whether it ended well or not."""
        started = self._aws.clock()
        for _ in looks(self._aws, _SETTLE_SECONDS, longest=_LONGEST_PAUSE):
            facts = self.function(place, name, qualifier)
            # Inactive counts as settled: nobody called it for long, and the first invoke wakes it up.
            if facts and facts.last_update != "InProgress" and facts.state != "Pending":
                return facts
            if facts is None and (qualifier is None or self._aws.clock() - started > _APPEAR_SECONDS):
                raise ForeignChange(
                    f"{_qualified(name, qualifier)} in {place} does not exist any more", fix=_LOOK
                )
        raise Unavailable(
            f"{_qualified(name, qualifier)} in {place} has not settled in {_SETTLE_SECONDS:.0f} s",
            fix="look at the function's state in the console; then run the same command again",
        )

    def _foreign_function(self, place: Place, name: str, expected: str) -> ForeignChange:
        with self._calls.urgently():
            now = self.function(place, name)
        there = f"now it holds code {now.code[:12]}, revision {now.revision}" if now else "it is gone"
        return ForeignChange(
            f"somebody else changed function {name} in {place}: {there} (we expected {expected})",
            fix=_LOOK,
        )

    def _foreign_alias(self, place: Place, name: str, alias: str) -> ForeignChange:
        with self._calls.urgently():  # the rollout fails by this: it must not wait for its turn to say so
            now = self.alias(place, name, alias)
        return ForeignChange(
            f"somebody else changed alias {alias} of {name} in {place}: {_shown(now)}", fix=_LOOK
        )


def _list_versions(request: dict[str, str], api: "LambdaClient") -> Any:
    return api.list_versions_by_function(**request)  # type: ignore[arg-type]


def _source(code: Code) -> dict[str, Any]:
    if isinstance(code, S3Code):
        return {"S3Bucket": code.bucket, "S3Key": code.key}
    try:
        data = code.path.read_bytes()
    except OSError as error:
        raise Misconfigured(
            f"the artifact {code.path} cannot be read: {error.strerror}", fix="build the release again"
        ) from error
    if len(data) > _DIRECT_UPLOAD_BYTES:
        raise Misconfigured(
            f"the artifact {code.path} has {len(data)} bytes; Lambda takes 50 MB directly",
            fix="keep artifacts in S3 (`artifacts: {account, bucket}` in pipelines/environments.yaml)",
        )
    return {"ZipFile": data}


def _serves(alias: AliasFacts, lambda_version: str, weights: Mapping[str, float], description: str) -> bool:
    there = (alias.lambda_version, dict(alias.weights), alias.description)
    return there == (lambda_version, dict(weights), description)


def _shown(alias: AliasFacts | None) -> str:
    if alias is None:
        return "it is gone"
    weights = "".join(
        f", {share:.0%} to version {version}" for version, share in sorted(alias.weights.items())
    )
    return f"now it serves version {alias.lambda_version}{weights} ({alias.description or 'no description'})"


def _qualified(name: str, qualifier: str | None) -> str:
    return f"{name}:{qualifier}" if qualifier else name
