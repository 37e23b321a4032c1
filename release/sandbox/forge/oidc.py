"""The tokens by which a job of GitHub Actions says to AWS who it is.

https://docs.github.com/actions/reference/security/oidc. They name GitHub's own issuer, so that trust
policies are those of production, and are signed with a secret that only this sandbox's STS knows.
"""

import base64
import hashlib
import hmac
import json
import time
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from release.sandbox.forge.state import JobIdentity, Repository

ISSUER = "https://token.actions.githubusercontent.com"


class InvalidToken(Exception):
    """It is no token of this forge."""


@dataclass(frozen=True, slots=True)
class ExpiredToken(Exception):
    """It was one until `expired`, seconds since 1970."""

    expired: int


def subject(repository: Repository, claims: Mapping[str, str]) -> str:
    """The claim `sub` of a job, by the repository's rule for it."""
    owner, name = repository.name.split("/")
    with_ids = f"{owner}@{claims['repository_owner_id']}/{name}@{claims['repository_id']}"
    repo = with_ids if repository.subject_has_ids else repository.name
    if "environment" in claims:
        context = f"environment:{claims['environment']}"
    elif claims["event_name"] in ("pull_request", "pull_request_target"):
        context = "pull_request"
    else:
        context = f"ref:{claims['ref']}"
    if repository.subject_claims is None:
        return f"repo:{repo}:{context}"
    parts = {"repo": repo, "context": context}
    return ":".join(
        f"repo:{repo}" if key == "repo" else context if key == "context" else f"{key}:{claims.get(key, '')}"
        for key in repository.subject_claims
        if key in parts or key in claims
    )


def token(secret: str, repository: Repository, identity: JobIdentity, audience: str) -> str:
    """A JSON web token (RFC 7519) for the audience, which holds for the identity's lifetime."""
    issued = time.time()
    claims: dict[str, Any] = {
        "jti": str(uuid.uuid4()),
        "iss": ISSUER,
        "aud": audience,
        "sub": subject(repository, identity.claims),
        **identity.claims,
        "nbf": int(issued) - 300,
        "iat": int(issued),
        "exp": issued + identity.lifetime_seconds,
    }
    head = _encoded(json.dumps({"alg": "HS256", "typ": "JWT", "kid": "sandbox"}).encode())
    signed = f"{head}.{_encoded(json.dumps(claims).encode())}"
    return f"{signed}.{_signature(secret, signed)}"


def claims_of(secret: str, given: str) -> dict[str, Any]:
    """What a token says. Raises InvalidToken, or ExpiredToken for one whose time is over."""
    signed, _, signature = given.rpartition(".")
    if not hmac.compare_digest(signature.encode(), _signature(secret, signed).encode()):
        raise InvalidToken
    try:
        claims: dict[str, Any] = json.loads(_decoded(signed.partition(".")[2]))
    except ValueError as error:
        raise InvalidToken from error
    if claims["exp"] <= time.time():
        raise ExpiredToken(int(claims["exp"]))
    return claims


def _signature(secret: str, signed: str) -> str:
    return _encoded(hmac.digest(secret.encode(), signed.encode(), hashlib.sha256))


def _encoded(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def _decoded(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
