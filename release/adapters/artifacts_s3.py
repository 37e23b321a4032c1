"""The artifact store in S3: one account, a bucket in every region. Implements ports.Artifacts.

Bytes are put into every region at build, each under its digest and only if nothing is there (`If-None-Match:
*`). The write-once index lives in the first region alone: one place decides who won, and promotion never
reads the index.
"""

import base64
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    ConnectionError,
    CredentialRetrievalError,
    HTTPClientError,
    IncompleteReadError,
    NoCredentialsError,
    PartialCredentialsError,
    SSOError,
    TokenRetrievalError,
)

from release.core import canonical
from release.core.store_layout import index_key, object_key
from release.errors import Misconfigured, ReleaseError, Unavailable
from release.ports import Code, S3Code

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

_MISSING = frozenset({"404", "NoSuchKey", "NotFound"})
_TAKEN = frozenset({"412", "PreconditionFailed"})
_RACING = frozenset({"409", "ConditionalRequestConflict"})  # another conditional put of this key is under way
_BUSY = frozenset(
    {"SlowDown", "ServiceUnavailable", "InternalError", "RequestTimeout", "500", "502", "503", "504"}
)
_DENIED = frozenset({"403", "AccessDenied", "AllAccessDisabled", "AccountProblem"})
_CREDENTIALS = frozenset(
    {"ExpiredToken", "InvalidAccessKeyId", "InvalidToken", "SignatureDoesNotMatch", "RequestTimeTooSkewed"}
)
_ELSEWHERE = frozenset(
    {"301", "PermanentRedirect", "AuthorizationHeaderMalformed", "IllegalLocationConstraintException"}
)
_RACES = 20  # tries of a put that meets another one
_RACE_WAIT = 0.1  # seconds between them
_NO_CREDENTIALS = (
    NoCredentialsError,
    PartialCredentialsError,
    CredentialRetrievalError,
    TokenRetrievalError,
    SSOError,
)
_NO_ANSWER = (HTTPClientError, ConnectionError, IncompleteReadError)
_SEE = "pipelines/environments.yaml"


class S3Artifacts:
    """`client_for` gives a client for a region, safe to use from several threads (botocore clients are).

    `bucket` is a pattern with `{region}`; `regions` are all that any stage uses, the nearest first; `owner`
    is the account that must own the buckets, so that nobody can offer one of the same name. Every method
    raises Misconfigured (no bucket, access denied, lost or damaged bytes) and Unavailable (S3 is out of reach
    or busy).
    """

    def __init__(
        self,
        client_for: "Callable[[str], S3Client]",
        bucket: str,
        regions: Sequence[str],
        *,
        owner: str | None = None,
    ) -> None:
        self._client_for = client_for
        self._pattern = bucket
        self._regions = tuple(regions)
        self._owner: Mapping[str, Any] = {"ExpectedBucketOwner": owner} if owner else {}

    def put(self, data: bytes, *, kind: str) -> str:
        digest = canonical.sha256(data)
        key = object_key(kind, digest)
        with ThreadPoolExecutor(max_workers=len(self._regions)) as pool:
            puts = [pool.submit(self._put_in, region, key, data, digest) for region in self._regions]
        for done in puts:
            done.result()
        return digest

    def get(self, digest: str, *, kind: str) -> bytes:
        key = object_key(kind, digest)
        trouble: list[ReleaseError] = []
        for region in self._regions:
            try:
                data = self._read(region, key)
            except ReleaseError as error:
                trouble.append(error)
                continue
            if data is not None and canonical.sha256(data) == digest:
                return data
            state = "is not there" if data is None else "is damaged: its bytes have another digest"
            trouble.append(self._lost(region, key, state))
        if len(trouble) == 1 or all(isinstance(error, Unavailable) for error in trouble):
            raise trouble[0]
        raise Misconfigured(
            f"no region has the {kind} {digest[:12]}",
            fix=_RESTORE,
            see=f"s3://{self._bucket(self._regions[0])}/{key}",
            details=[error.cause for error in trouble],
        )

    def holds(self, digest: str, *, kind: str, region: str) -> bool:
        key = object_key(kind, digest)
        found = self._head(region, key)
        if found is None:
            return False
        if found.get("Metadata", {}).get("sha256") not in (digest, None) or not found["ContentLength"]:
            raise self._lost(region, key, "is not what its name says")
        return True

    def index(self, name: str, key: str) -> str | None:
        data = self._read(self._regions[0], index_key(name, key))
        return None if data is None else data.decode()

    def index_once(self, name: str, key: str, value: str) -> str:
        region, place, data = self._regions[0], index_key(name, key), value.encode()
        if self._put_new(region, place, data, canonical.sha256(data)):
            return value
        winner = self._read(region, place)
        if winner is None:
            raise self._lost(region, place, "was written and removed again at the same moment")
        return winner.decode()

    def code(self, digest: str, region: str) -> Code:
        return S3Code(bucket=self._bucket(region), key=object_key("zip", digest))

    def _put_in(self, region: str, key: str, data: bytes, digest: str) -> None:
        if self._put_new(region, key, data, digest):
            return
        found = self._head(region, key)
        if found is None or found["ContentLength"] != len(data) or found["Metadata"].get("sha256") != digest:
            raise self._lost(region, key, "is there already and is not what its name says")

    def _put_new(self, region: str, key: str, data: bytes, digest: str) -> bool:
        """Put unless there is something under this key; False when there is, maybe by our own put whose
        answer was lost.
        """
        for tries_left in reversed(range(_RACES)):
            try:
                self._client(region).put_object(
                    Bucket=self._bucket(region),
                    Key=key,
                    Body=data,
                    IfNoneMatch="*",
                    ChecksumSHA256=base64.b64encode(bytes.fromhex(digest)).decode(),
                    Metadata={"sha256": digest},
                    **self._owner,
                )
                return True
            except ClientError as error:
                code = _code(error)
                if code in _TAKEN:
                    return False
                if code not in _RACING or not tries_left:
                    raise self._explain(error, region) from error
                time.sleep(_RACE_WAIT)
            except BotoCoreError as error:
                raise self._explain(error, region) from error
        raise AssertionError("the last try returns or raises")

    def _read(self, region: str, key: str) -> bytes | None:
        try:
            answer = self._client(region).get_object(Bucket=self._bucket(region), Key=key, **self._owner)
            return answer["Body"].read()
        except (ClientError, BotoCoreError) as error:
            if isinstance(error, ClientError) and _code(error) in _MISSING:
                return None
            raise self._explain(error, region) from error

    def _head(self, region: str, key: str) -> Any:
        try:
            return self._client(region).head_object(Bucket=self._bucket(region), Key=key, **self._owner)
        except (ClientError, BotoCoreError) as error:
            if isinstance(error, ClientError) and _code(error) in _MISSING:
                return None
            raise self._explain(error, region) from error

    def _client(self, region: str) -> "S3Client":
        return self._client_for(region)

    def _bucket(self, region: str) -> str:
        return self._pattern.replace("{region}", region)

    def _lost(self, region: str, key: str, state: str) -> Misconfigured:
        place = f"s3://{self._bucket(region)}/{key}"
        return Misconfigured(f"{place} {state}", fix=_RESTORE, see=place)

    def _explain(self, error: ClientError | BotoCoreError, region: str) -> ReleaseError:
        bucket = self._bucket(region)
        if not isinstance(error, ClientError):
            return _explain_without_answer(error, bucket, region)
        code = _code(error)
        said = f"{error.operation_name}: {code}"
        if code == "NoSuchBucket":
            return Misconfigured(
                f"there is no bucket {bucket} in {region}",
                fix="create it, or correct artifacts.bucket",
                see=_SEE,
            )
        if code in _DENIED:
            return Misconfigured(
                f"access to the bucket {bucket} was denied ({said})",
                fix="give this role s3:GetObject and s3:ListBucket there (the build role s3:PutObject, too), "
                "and check artifacts.account",
                see=_SEE,
            )
        if code in _CREDENTIALS:
            return Misconfigured(
                f"the credentials for the bucket {bucket} are not valid ({said})", fix="sign in to AWS again"
            )
        if code in _ELSEWHERE:
            return Misconfigured(
                f"the bucket {bucket} is not in {region} ({said})",
                fix="put {region} into artifacts.bucket, and create a bucket in every region",
                see=_SEE,
            )
        if code in _BUSY or code in _RACING:
            return Unavailable(f"S3 in {region} is busy ({said})", fix="try again")
        return Misconfigured(
            f"S3 refused a request for the bucket {bucket}: {error}", fix="see S3's own words above", see=_SEE
        )


_RESTORE = (
    "restore the object (an older version, or a copy from another region); a lost artifact is never "
    "built again under an old release"
)


def _code(error: ClientError) -> str:
    return str(error.response.get("Error", {}).get("Code", ""))


def _explain_without_answer(error: BotoCoreError, bucket: str, region: str) -> ReleaseError:
    if isinstance(error, _NO_CREDENTIALS):
        return Misconfigured(
            f"there are no usable AWS credentials for the bucket {bucket}: {error}", fix="sign in to AWS"
        )
    if isinstance(error, _NO_ANSWER):
        return Unavailable(
            f"S3 in {region} cannot be reached: {error}",
            fix="check the network and AWS_ENDPOINT_URL, and try again",
        )
    return Misconfigured(
        f"a request for the bucket {bucket} could not be made: {error}", fix="correct it", see=_SEE
    )
