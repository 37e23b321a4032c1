"""What is on the wire, and whether a call was refused."""

import contextlib
import http.client
from typing import Any

from botocore.exceptions import ClientError

from release.sandbox.session import Sandbox


def raw(
    sandbox: Sandbox, method: str, path: str, body: str | bytes | None = None, headers: Any = None
) -> tuple[int, dict[str, str], bytes]:
    """An answer as it is on the wire: status, headers in lower case, body."""
    connection = http.client.HTTPConnection(sandbox.endpoint.removeprefix("http://"), timeout=10)
    with contextlib.closing(connection):
        connection.request(method, path, body, headers or {})
        response = connection.getresponse()
        return response.status, {k.lower(): v for k, v in response.getheaders()}, response.read()


def is_refused(call: Any, **arguments: Any) -> bool:
    try:
        call(**arguments)
    except ClientError:
        return True
    return False
