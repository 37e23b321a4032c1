"""Posts JSON to a webhook: once it has been taken, or given up in time; its address is never said."""

import json
import logging
import re
import time
from collections.abc import Mapping
from typing import Any, Final

from release.adapters.notifications.addresses import Address
from release.errors import Misconfigured, ReleaseError, Unavailable

_AGAIN: Final = frozenset({408, 425, 429, 500, 502, 503, 504})
_HEADERS: Final = {"Content-Type": "application/json"}
_MOST: Final = 256  # bytes of an answer that are looked at
_PAUSES: Final = (0.5, 1.0)  # seconds before another try
_WORD: Final = re.compile(r"[a-z][a-z_]{2,40}", re.ASCII)  # how Slack says what is wrong: invalid_blocks


class _Addresses(logging.Filter):
    """httpx writes every URL that it asks into its log, and here the URL is the secret."""

    def filter(self, record: logging.LogRecord) -> bool:
        return "HTTP Request" not in str(record.msg)


def post(address: Address, payload: Mapping[str, Any], *, until: float) -> None:
    """Send it, and again while the other side is busy and there is time (`until`, of the monotonic clock).

    A redirect is not followed: it could lead anywhere. Raises Misconfigured and Unavailable.
    """
    import httpx  # whoever tells nobody does not pay for importing it

    logger = logging.getLogger("httpx")
    if not any(isinstance(one, _Addresses) for one in logger.filters):
        logger.addFilter(_Addresses())
    body = json.dumps(payload, ensure_ascii=False).encode()
    for pause in (*_PAUSES, None):
        try:
            with (
                httpx.Client(timeout=max(0.1, until - time.monotonic()), follow_redirects=False) as client,
                client.stream("POST", address.url, content=body, headers=_HEADERS) as answer,
            ):
                status = answer.status_code
                if 200 <= status < 300:
                    return
                said = next(answer.iter_bytes(_MOST), b"").decode(errors="replace").strip()
        except httpx.ConnectError:
            failure: ReleaseError = Unavailable("it cannot be reached", fix="check the network and the proxy")
        except httpx.HTTPError as error:
            # It may have arrived. `from None`: the error holds the request, and so the address.
            what = f"it did not answer ({type(error).__name__})"
            raise Unavailable(what, fix="see whether it is up") from None
        except Exception as error:  # what httpx makes of an address that is none
            what = f"its address cannot be used ({type(error).__name__})"
            raise Misconfigured(what, fix="put the webhook's whole address there") from None
        else:
            failure = _refused(status, said, address)
            if status not in _AGAIN:
                raise failure
        if pause is None or time.monotonic() + pause >= until:
            raise failure from None
        time.sleep(pause)


def _refused(status: int, said: str, address: Address) -> ReleaseError:
    # An error page may repeat the path that was asked for.
    word = f" {said}" if _WORD.fullmatch(said) and said not in address.url else ""
    if 300 <= status < 400:
        return Misconfigured(
            f"it answered HTTP {status}, and redirects are not followed", fix="put the final address there"
        )
    if status in _AGAIN:
        return Unavailable(f"it answered HTTP {status}{word}", fix="see whether it is up")
    return Misconfigured(
        f"it answered HTTP {status}{word}", fix="see whether the webhook still exists, and takes this format"
    )
