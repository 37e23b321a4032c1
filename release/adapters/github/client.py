"""HTTP to GitHub's REST API: retries, rate limits, pages, and errors with a way out.

https://docs.github.com/en/rest/using-the-rest-api/best-practices-for-using-the-rest-api
"""

import json
import os
import ssl
import weakref
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from typing import Any, Final
from urllib.parse import quote, urlsplit

import httpx

from release import __version__
from release.adapters.github.credentials import Home, Token
from release.adapters.github.refusals import refusal, words_of
from release.errors import AnswerLost, Misconfigured, Unavailable
from release.ports import Clock

API_VERSION: Final = "2022-11-28"
_JSON: Final = "application/vnd.github+json"
_PATIENCE: Final = (0.5, 1.0, 2.0, 4.0)  # seconds between tries of what may be repeated
_LONGEST_WAIT: Final = 300.0  # seconds for which rate limits are waited out, in all
_AT_ONCE: Final = 5.0  # seconds for connecting, and for each part of an answer
_A_MINUTE: Final = 60.0  # to wait where a secondary limit does not say how long
_PAGE: Final = 100
_LONGEST: Final = 300  # characters of GitHub's words
_SERVER_TROUBLE: Final = frozenset({500, 502, 503, 504})


@dataclass(frozen=True, slots=True)
class Need:
    """What a call is for, in words; and the permission that it takes."""

    doing: str  # "reading deployments"
    permission: str  # "deployments: read"


class Client:
    """Calls below one repository. Reads are repeated; a write whose answer was lost raises AnswerLost."""

    def __init__(
        self, home: Home, token: Token | None, clock: Clock, *, transport: httpx.BaseTransport | None = None
    ) -> None:
        self.home = home
        self._token = token
        self._clock = clock
        self._waited = 0.0
        self._http = httpx.Client(
            transport=transport,
            headers={
                "Accept": _JSON,
                "X-GitHub-Api-Version": API_VERSION,
                "User-Agent": f"lambda-release/{__version__}",
            },
            timeout=httpx.Timeout(30.0, connect=10.0),
            follow_redirects=False,
            verify=_trusted(os.environ.get("SSL_CERT_FILE"), os.environ.get("SSL_CERT_DIR")),
        )
        weakref.finalize(self, self._http.close)

    @property
    def token_source(self) -> str:
        return self._token.source if self._token else "nowhere"

    # -- what callers use; `path` is below the repository, unless it begins with a slash

    def get(self, path: str, need: Need, **query: str | int) -> Any:
        return _parsed(self._send("GET", self._url(path), need, query=query), need)

    def get_or_none(self, path: str, need: Need, **query: str | int) -> Any | None:
        """None where GitHub answers 404: there is none, or the token may not see it."""
        answer = self._send("GET", self._url(path), need, query=query, allow=(404,))
        return None if answer.status_code == 404 else _parsed(answer, need)

    def get_at_once(self, path: str, need: Need) -> Any:
        """Without patience: for what may go on without an answer."""
        return _parsed(self._send("GET", self._url(path), need, patience=(), seconds=_AT_ONCE), need)

    def pages(self, path: str, need: Need, *, under: str | None = None, **query: str | int) -> Iterator[Any]:
        """Every item of a list, page by page as it is read. `under`: the key that holds the list."""
        answer = self._send("GET", self._url(path), need, query={"per_page": _PAGE, **query})
        while True:
            page = _parsed(answer, need)
            items = page.get(under) if under is not None and isinstance(page, dict) else page
            if not isinstance(items, list):
                raise _unreadable(need, "no list is where one should be")
            yield from items
            following = answer.links.get("next", {}).get("url")
            if not following:
                return
            # A link to elsewhere would get the token.
            if _origin(following) != _origin(self.home.api):
                raise _unreadable(need, "the next page is said to be on another host")
            answer = self._send("GET", following, need)

    def write(self, method: str, path: str, need: Need, body: Mapping[str, Any]) -> Any:
        data = json.dumps(body).encode()
        return _parsed(self._send(method, self._url(path), need, data=data), need)

    def delete(self, path: str, need: Need) -> None:
        """Nothing happens where it is gone: so it may be repeated."""
        self._send("DELETE", self._url(path), need, allow=(404,))

    def upload(self, url: str, need: Need, data: bytes, content_type: str, **query: str) -> Any:
        """To the address that the release itself names (https://docs.github.com/en/rest/releases/assets)."""
        if urlsplit(url).scheme != urlsplit(self.home.api).scheme:
            raise _unreadable(need, "files are said to be sent without encryption")
        answer = self._send("POST", url, need, query=query, data=data, content_type=content_type)
        return _parsed(answer, need)

    def download(self, path: str, need: Need) -> bytes:
        """Follows the one redirect to where files lie, without the token."""
        answer = self._send("GET", self._url(path), need, accept="application/octet-stream", allow=(302,))
        if answer.status_code == 302:
            answer = self._send("GET", answer.headers.get("location", ""), need, accept="*/*", anonymous=True)
        return answer.content

    # -- one call

    def _url(self, path: str) -> str:
        if path.startswith("/"):
            return self.home.api + path
        return f"{self.home.api}/repos/{self.home.repository}" + (f"/{path}" if path else "")

    def _send(
        self,
        method: str,
        url: str,
        need: Need,
        *,
        query: Mapping[str, str | int] | None = None,
        data: bytes | None = None,
        content_type: str = "application/json",
        accept: str = _JSON,
        allow: tuple[int, ...] = (),
        anonymous: bool = False,
        patience: Sequence[float] = _PATIENCE,
        seconds: float | None = None,
    ) -> httpx.Response:
        headers = {"Accept": accept}
        if data is not None:
            headers["Content-Type"] = content_type
        if self._token is not None and not anonymous:
            headers["Authorization"] = f"Bearer {self._token.value}"
        repeats = method in ("GET", "DELETE")
        tries = iter(patience if repeats else ())
        timeout = httpx.USE_CLIENT_DEFAULT if seconds is None else httpx.Timeout(seconds)
        while True:
            try:
                request = self._http.build_request(
                    method,
                    url,
                    params=dict(query) if query else None,
                    content=data,
                    headers=headers,
                    timeout=timeout,
                )
                answer = self._http.send(request)
            except (httpx.TransportError, httpx.InvalidURL, httpx.DecodingError) as error:
                trouble = f"{need.doing}: {type(error).__name__}"
                never_sent = isinstance(error, httpx.ConnectError | httpx.ConnectTimeout | httpx.InvalidURL)
                status = None
            else:
                status = answer.status_code
                if answer.is_success or status in allow:
                    return answer
                limited = _limited_for(answer, self._clock.now())
                if limited is not None:
                    self._wait(limited, need, at_once=not patience)
                    continue
                words = self._shown(words_of(answer))
                if status not in _SERVER_TROUBLE:
                    raise refusal(answer, words, need.doing, need.permission, self.token_source, self.home)
                trouble = f"{need.doing}: GitHub answers {status}" + (f", {words}" if words else "")
                never_sent = False
            pause = next(tries, None)
            if pause is not None:
                self._clock.sleep(pause)
                continue
            if repeats or never_sent:
                raise Unavailable(
                    f"GitHub is out of reach: {trouble}",
                    fix=f"see https://www.githubstatus.com, and run the same command again ({self.home.api})",
                )
            raise AnswerLost(
                f"whether GitHub has done it is not known: {trouble}",
                fix="run the same command again: it looks first",
            )

    def _shown(self, words: str) -> str:
        """A proxy in between may say back what it was sent; what an error says is shown, and kept in logs."""
        return (words if self._token is None else words.replace(self._token.value, "[token]"))[:_LONGEST]

    def _wait(self, seconds: float, need: Need, *, at_once: bool) -> None:
        """A limit refuses before anything is done, so whatever it refused may be sent again."""
        if at_once or self._waited + seconds > _LONGEST_WAIT:
            raise Unavailable(
                f"GitHub's rate limit is used up: {need.doing} would have to wait {seconds:.0f} s",
                fix="run the same command again after that time",
            )
        self._waited += seconds
        self._clock.sleep(seconds)


@cache
def _trusted(file: str | None, folder: str | None) -> ssl.SSLContext:
    """Certificates as httpx finds them, by these two variables or its own. Reading them takes 25 ms: once."""
    return httpx.create_ssl_context()


def part(text: object) -> str:
    """A name as one part of a path."""
    return quote(str(text), safe="")


def _limited_for(answer: httpx.Response, now: datetime) -> float | None:
    """Seconds to wait where a rate limit has refused a call. None: no limit did.

    https://docs.github.com/en/rest/using-the-rest-api/rate-limits-for-the-rest-api#exceeding-the-rate-limit
    """
    if answer.status_code not in (403, 429):
        return None
    after = answer.headers.get("retry-after", "")
    if after.isdecimal():
        return max(1.0, float(after))
    reset = answer.headers.get("x-ratelimit-reset", "")
    if answer.headers.get("x-ratelimit-remaining") == "0" and reset.isdecimal():
        return max(1.0, (datetime.fromtimestamp(int(reset), UTC) - now).total_seconds() + 1.0)
    if answer.status_code == 429 or "secondary rate limit" in words_of(answer).lower():
        return _A_MINUTE
    return None


def _parsed(answer: httpx.Response, need: Need) -> Any:
    if not answer.content:
        return None
    try:
        return answer.json()
    except (ValueError, RecursionError) as error:
        raise _unreadable(need, "the answer is no JSON") from error


def _unreadable(need: Need, why: str) -> Misconfigured:
    return Misconfigured(
        f"what GitHub answers cannot be used ({need.doing}): {why}",
        fix="look whether a proxy stands between, and whether GITHUB_API_URL names the API",
    )


def _origin(url: str) -> tuple[str, str, int | None]:
    split = urlsplit(url)
    return split.scheme, split.hostname or "", split.port
