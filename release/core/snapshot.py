"""Facts as they were read once from the outside world. Never changed after reading; plans
are made from these alone.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from release.core.models import Place
from release.core.records import Served

# The parameter behind which a template keeps everything that names the alias.
ALIAS_EXISTS: Final = "AliasExists"


@dataclass(frozen=True, slots=True)
class FunctionFacts:
    """One qualifier of an AWS Lambda function: `$LATEST` or a published version."""

    name: str
    lambda_version: str  # "$LATEST" or "7"
    code: str  # sha256 of the zip as hex; AWS gives base64 (CodeSha256)
    configuration: str  # digest over what a version freezes beside code: handler, memory, environment, role …
    revision: str  # RevisionId
    state: str  # Active, Pending, Inactive, Failed
    state_reason: str
    last_update: str  # Successful, InProgress, Failed; "" on published versions
    last_update_reason: str
    timeout: int  # seconds
    reserved_concurrency: int | None
    # What `configuration` is the digest of: setting -> value as text, of environment variables a digest
    settings: Mapping[str, str] = field(default_factory=dict, compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class AliasFacts:
    name: str
    lambda_version: str
    weights: Mapping[str, float]  # additional lambda version -> share of traffic
    revision: str
    description: str

    @property
    def serving(self) -> str:
        """Where its traffic goes: "3", or "3 with 10% to 4"."""
        return serving(self.lambda_version, self.weights)


def serving(lambda_version: str, weights: Mapping[str, float]) -> str:
    """Where the traffic of an alias goes, in words that tell any two states of it apart."""
    shares = "".join(f" with {share:.4%} to {version}" for version, share in sorted(weights.items()))
    return lambda_version + shares.replace(".0000%", "%")


@dataclass(frozen=True, slots=True)
class StackFacts:
    """A CloudFormation stack."""

    name: str
    status: str  # CREATE_COMPLETE, UPDATE_ROLLBACK_COMPLETE …
    status_reason: str
    # sha256 of the template body as it was sent; of one that keeps what its release has not any more, that of
    # the release's template
    template: str
    parameters: Mapping[str, str]
    outputs: Mapping[str, str]
    body: str = field(default="", compare=False, repr=False)  # the template as it was sent

    @property
    def is_attached(self) -> bool:
        """Whether the triggers that name the alias are part of it."""
        return self.parameters.get(ALIAS_EXISTS) == "true"


@dataclass(frozen=True, slots=True)
class Invocation:
    """What a synchronous invoke answered. AWS answers HTTP 200 even when the function failed."""

    status: int  # HTTP status of the API call
    function_error: str | None  # "Unhandled" …
    executed_version: str | None
    payload: bytes


@dataclass(frozen=True, slots=True)
class ObservedFunction:
    """One function of a service in one place."""

    service: str
    place: Place
    name: str
    latest: FunctionFacts | None  # None: the function does not exist
    alias: AliasFacts | None  # None: the first deploy is not done
    live: FunctionFacts | None  # what the alias' main version is


def served(copy: ObservedFunction) -> Served:
    """What a function serves, as a record says it."""
    return Served(
        service=copy.service,
        function=copy.name,
        account=copy.place.account,
        region=copy.place.region,
        lambda_version=copy.alias.lambda_version if copy.alias else None,
        code=copy.live.code if copy.live else None,
    )


@dataclass(frozen=True, slots=True)
class ObservedStack:
    service: str
    place: Place
    name: str
    stack: StackFacts | None


@dataclass(frozen=True, slots=True)
class Observed:
    """AWS as one stage finds it."""

    functions: tuple[ObservedFunction, ...]
    stacks: tuple[ObservedStack, ...]
    artifacts: Mapping[tuple[str, str], bool]  # (digest, region) -> is there with the right size
