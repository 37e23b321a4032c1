"""The login of a database, out of Secrets Manager: kept for some minutes, read anew when it is refused."""

import json
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any, Protocol, cast

from common.constants import DATABASE_LOGIN
from common.errors import DependencyUnavailable

KEPT_SECONDS = 300.0


@dataclass(frozen=True, slots=True, repr=False)
class Login:
    """Who asks a database. It has no repr that could reach a log."""

    user: str
    password: str


class SecretsClient(Protocol):
    """The one call of botocore's Secrets Manager client that the services use."""

    def get_secret_value(self, **request: Any) -> Mapping[str, Any]: ...


@cache
def secrets_client() -> SecretsClient:
    """The shared client, for the region and credentials of the function."""
    import botocore.session
    from botocore.config import Config

    config = Config(connect_timeout=2, read_timeout=4, retries={"mode": "standard", "total_max_attempts": 3})
    return cast(SecretsClient, botocore.session.get_session().create_client("secretsmanager", config=config))


class SecretLogin:
    """The login in a secret `{"username": …, "password": …}`, the form that Secrets Manager rotates.

    A rotation shows within KEPT_SECONDS, or at once: whoever is refused with a login asks for a fresh one.
    """

    def __init__(
        self,
        client: Callable[[], SecretsClient],
        arn: str,
        seconds: Callable[[], float] = time.monotonic,
    ) -> None:
        self._client = client
        self._arn = arn
        self._seconds = seconds
        self._kept: tuple[float, Login] | None = None

    def read(self, *, fresh: bool = False) -> Login:
        """Raises DependencyUnavailable when the secret is gone, denied, out of reach or in another form."""
        if not fresh and self._kept and self._seconds() - self._kept[0] < KEPT_SECONDS:
            return self._kept[1]
        from botocore.exceptions import BotoCoreError, ClientError

        self._kept = None
        try:
            text = self._client().get_secret_value(SecretId=self._arn)["SecretString"]
            fields = json.loads(text)
            login = Login(fields["username"], fields["password"])
        except ClientError as error:
            cause = error.response.get("Error", {}).get("Code", "Unknown")
            raise DependencyUnavailable(DATABASE_LOGIN, cause) from None
        except BotoCoreError as error:
            raise DependencyUnavailable(DATABASE_LOGIN, type(error).__name__) from None
        except (ValueError, LookupError, TypeError):
            raise DependencyUnavailable(DATABASE_LOGIN, "SecretIsNoLogin") from None
        self._kept = (self._seconds(), login)
        return login
