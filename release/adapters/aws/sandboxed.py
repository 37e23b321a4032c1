"""Clients of the sandbox, whatever AWS the environment of the caller speaks of."""

import os
from typing import Any

import botocore.session

from release.adapters.aws.sessions import Aws
from release.core.models import Place


class SandboxAws(Aws):
    """Clients for one endpoint and account, without anything of the caller's own configuration."""

    def __init__(self, endpoint: str, account: str) -> None:
        super().__init__()
        self._keys = {
            "endpoint_url": endpoint,
            "aws_access_key_id": account,
            "aws_secret_access_key": "sandbox",
        }

    def _role(self, place: Place) -> str | None:
        return None

    def _session(self, role: str | None, region: str) -> botocore.session.Session:
        def nobodys() -> botocore.session.Session:
            found: Any = botocore.session.Session
            session: botocore.session.Session = found(
                session_vars={
                    "profile": (None, None, None, None),
                    "config_file": (None, None, os.devnull, None),
                    "credentials_file": (None, None, os.devnull, None),
                }
            )
            return session

        return self._sessions.get(None, nobodys)

    def _make_client(
        self, role: str | None, region: str, service: str, attempts: int, read_timeout: float, **keys: Any
    ) -> Any:
        return super()._make_client(role, region, service, attempts, read_timeout, **self._keys, **keys)
