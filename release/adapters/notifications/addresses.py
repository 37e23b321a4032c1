"""Where a webhook is. Whoever knows its address can write there: it is in no repr, message, log or record."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from release.adapters.aws import Aws
from release.adapters.aws.errors import translated
from release.core.models import Place
from release.errors import Misconfigured

_LOOPBACK = frozenset({"127.0.0.1", "::1", "localhost"})


@dataclass(frozen=True, slots=True)
class Address:
    """`kept` is what may be said of it: the name of a variable, or an ARN."""

    kept: str
    url: str = field(repr=False)

    def __str__(self) -> str:
        return self.kept


def address_of(kept: str, environ: Mapping[str, str], aws: Aws, place: Place) -> Address:
    """The address that a variable, or a secret or parameter of AWS, holds. Raises Misconfigured, Unavailable.

    A secret is read with the role of `place`, in the account and region that its ARN names.
    """
    url = (_read(kept, aws, place) if kept.startswith("arn:") else environ.get(kept, "")).strip()
    if not url:
        raise Misconfigured(f"{kept} is empty or not set", fix="put the webhook's address there")
    try:
        parts = urlsplit(url)
        good = parts.hostname is not None and parts.port is not False
        good = good and (parts.scheme == "https" or (parts.scheme == "http" and parts.hostname in _LOOPBACK))
    except ValueError:
        good = False
    if not good or not url.isprintable() or " " in url:
        raise Misconfigured(f"{kept} holds no https address", fix="put the webhook's whole address there")
    return Address(kept, url)


def _read(arn: str, aws: Aws, place: Place) -> str:
    _, _, service, region, account, _ = arn.split(":", 5)
    there = Place(account, region, place.role, place.plan_role)
    with translated(there, f"reading {arn}"):
        if service == "ssm":
            client = aws.client(there, "ssm", attempts=2, read_timeout=3.0)
            return str(client.get_parameter(Name=arn, WithDecryption=True)["Parameter"]["Value"])
        client = aws.client(there, "secretsmanager", attempts=2, read_timeout=3.0)
        return str(client.get_secret_value(SecretId=arn).get("SecretString", ""))
