"""GitHub's API on bad days: limits, broken connections, refusals, pages; and a token that nobody sees."""

import json
import logging
from collections.abc import Callable, Iterator, Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest

from release.adapters.github import GitHubForge
from release.adapters.github.credentials import Home, Token, find_token, home_of
from release.core.forge.facts import StatusFacts
from release.core.forge.releases import WantedAsset
from release.errors import AnswerLost, Conflict, Misconfigured, ReleaseError, Unavailable
from tests.fakes.ports import FakeClock

SECRET = "ghp_0123456789abcdefSECRET"
HOME = Home("https://api.github.com", "https://github.com", "acme/fleet")
Answer = httpx.Response | Exception


class GitHub:
    """Answers in turn; the last one for ever. Keeps what it was asked."""

    def __init__(self, *answers: Answer | Callable[[httpx.Request], httpx.Response]) -> None:
        self._answers = list(answers)
        self.asked: list[httpx.Request] = []
        self.clock = FakeClock()

    def __call__(self, request: httpx.Request) -> httpx.Response:
        self.asked.append(request)
        answer = self._answers.pop(0) if len(self._answers) > 1 else self._answers[0]
        if isinstance(answer, Exception):
            raise answer
        return answer(request) if callable(answer) else answer

    @property
    def forge(self) -> GitHubForge:
        token = Token(SECRET, "GH_TOKEN")
        return GitHubForge(HOME, token, self.clock, transport=httpx.MockTransport(self))


def said(status: int, body: Any = None, **headers: str) -> httpx.Response:
    return httpx.Response(status, json=body, headers={k.replace("_", "-"): v for k, v in headers.items()})


PULL = {"number": 12, "merged_at": "2026-11-21T10:00:00Z"}
STATUS = StatusFacts("success", "it serves", "")


def test_every_call_names_the_version_of_the_api_and_who_asks() -> None:
    github = GitHub(said(200, PULL))

    found = github.forge.pulls.pull(12)

    assert found is not None and found.merged
    (asked,) = github.asked
    assert str(asked.url) == "https://api.github.com/repos/acme/fleet/pulls/12"
    assert asked.headers["X-GitHub-Api-Version"] == "2022-11-28"
    assert asked.headers["User-Agent"].startswith("lambda-release/")
    assert asked.headers["Authorization"] == f"Bearer {SECRET}"


# -- trouble that passes


@pytest.mark.parametrize(
    "trouble",
    [said(502), said(500), said(503), httpx.ConnectError("refused"), httpx.ReadTimeout("slow"),
     httpx.RemoteProtocolError("cut")],
    ids=str,
)  # fmt: skip
def test_a_read_is_repeated_and_pauses_grow(trouble: Answer) -> None:
    github = GitHub(trouble, trouble, said(200, PULL))

    assert github.forge.pulls.pull(12) is not None
    assert github.clock.sleeps == [0.5, 1.0]


def test_a_read_that_never_succeeds_may_be_tried_again_later() -> None:
    github = GitHub(said(502, {"message": "Server Error"}))

    with pytest.raises(Unavailable, match="out of reach: reading pull requests: GitHub answers 502, Server"):
        github.forge.pulls.pull(12)
    assert len(github.asked) == 5


@pytest.mark.parametrize("trouble", [said(502), httpx.ReadError("cut"), httpx.ReadTimeout("slow")], ids=str)
def test_a_write_whose_answer_is_lost_is_not_sent_again(trouble: Answer) -> None:
    github = GitHub(trouble)

    with pytest.raises(AnswerLost, match="whether GitHub has done it is not known"):
        github.forge.deployments.add_status(7, STATUS)
    assert len(github.asked) == 1


def test_a_write_that_was_never_sent_is_no_lost_answer() -> None:
    with pytest.raises(Unavailable) as error:
        GitHub(httpx.ConnectError("refused")).forge.deployments.add_status(7, STATUS)
    assert not isinstance(error.value, AnswerLost)


def test_to_delete_what_is_gone_is_done() -> None:
    github = GitHub(said(502), said(404, {"message": "Not Found"}))

    github.forge.releases.delete_asset(5)

    assert [one.method for one in github.asked] == ["DELETE", "DELETE"]


# -- rate limits


def test_a_secondary_limit_is_waited_out_as_long_as_github_says_also_for_a_write() -> None:
    for status in (403, 429):
        github = GitHub(said(status, {"message": "slow down"}, retry_after="42"), said(201, {}))
        github.forge.deployments.add_status(7, STATUS)
        assert github.clock.sleeps == [42.0]


def test_a_secondary_limit_that_says_no_time_is_waited_out_for_a_minute() -> None:
    words = {"message": "You have exceeded a secondary rate limit. Please wait."}
    github = GitHub(said(403, words), said(200, PULL))

    github.forge.pulls.pull(12)

    assert github.clock.sleeps == [60.0]


def test_a_used_up_limit_is_waited_for_until_it_is_reset() -> None:
    github = GitHub(said(200, PULL))
    reset = str(int((github.clock.now() + timedelta(seconds=90)).timestamp()))
    github._answers.insert(0, said(403, {}, x_ratelimit_remaining="0", x_ratelimit_reset=reset))

    github.forge.pulls.pull(12)

    assert github.clock.sleeps == [91.0]


def test_limits_are_not_waited_out_for_ever() -> None:
    github = GitHub(said(429, {}, retry_after="200"))

    with pytest.raises(Unavailable, match="rate limit is used up"):
        github.forge.pulls.pull(12)
    assert github.clock.sleeps == [200.0]


def test_a_limit_of_an_hour_is_refused_at_once() -> None:
    github = GitHub(said(429, {}, retry_after="3600"))

    with pytest.raises(Unavailable) as error:
        github.forge.pulls.pull(12)
    assert github.clock.sleeps == [] and "after that time" in error.value.fix


# -- refusals


def refused(answer: httpx.Response) -> ReleaseError:
    with pytest.raises(ReleaseError) as error:
        GitHub(answer).forge.deployments.add_status(7, STATUS)
    return error.value


def test_a_missing_permission_is_named_as_github_names_it_or_as_we_know_it() -> None:
    words = {"message": "Resource not accessible by integration"}

    told = refused(said(403, words, x_accepted_github_permissions="deployments=write"))
    untold = refused(said(403, words))

    assert isinstance(told, Misconfigured) and "`deployments: write`" in told.fix
    assert "`deployments: write`" in untold.fix
    assert told.cause == (
        "GitHub refuses the token of GH_TOKEN"
        " (recording a deployment: Resource not accessible by integration)"
    )


def test_a_token_that_has_expired_is_said_with_where_it_comes_from() -> None:
    error = refused(said(401, {"message": "Bad credentials"}))

    assert error.cause.startswith("GitHub does not take the token of GH_TOKEN (")
    assert "gh auth login" in error.fix


def test_what_github_says_of_a_field_is_passed_on() -> None:
    errors = [
        {"resource": "Release", "code": "custom", "field": "tag_name", "message": "tag_name was burned"}
    ]

    error = refused(said(422, {"message": "Validation Failed", "errors": errors}))

    assert isinstance(error, Misconfigured)
    assert error.cause == (
        "GitHub does not take it (recording a deployment: Validation Failed; tag_name was burned)"
    )


def test_what_somebody_else_has_made_meanwhile_is_a_conflict() -> None:
    errors = [{"resource": "Release", "code": "already_exists", "field": "tag_name"}]

    error = refused(said(422, {"message": "Validation Failed", "errors": errors}))

    assert isinstance(error, Conflict) and "tag_name already_exists" in error.cause


def test_a_repository_that_was_renamed_is_not_followed_with_the_token() -> None:
    github = GitHub(said(301, {"message": "Moved Permanently"}, location="https://evil.example/"))

    with pytest.raises(Misconfigured, match="GitHub has moved acme/fleet"):
        github.forge.pulls.of_commit("c" * 40)
    assert len(github.asked) == 1


@pytest.mark.parametrize(
    "content", [b"<html>proxy", b"[" * 100_000, b'"text"', b"{}"], ids=["html", "deep", "text", "table"]
)
def test_an_answer_that_is_none_of_githubs_is_said(content: bytes) -> None:
    with pytest.raises(Misconfigured) as error:
        GitHub(httpx.Response(200, content=content)).forge.pulls.comments(12)
    assert "GITHUB_API_URL" in error.value.fix


# -- pages


def paged(items: list[Any], size: int = 100) -> Callable[[httpx.Request], httpx.Response]:
    def answer(request: httpx.Request) -> httpx.Response:
        page = int(request.url.params.get("page", "1"))
        following = request.url.copy_set_param("page", str(page + 1))
        headers = {"Link": f'<{following}>; rel="next"'} if page * size < len(items) else {}
        return httpx.Response(200, json=items[(page - 1) * size : page * size], headers=headers)

    return answer


def test_all_pages_of_a_list_are_read() -> None:
    comments = [{"id": number, "body": "", "user": {"login": "ana"}} for number in range(250)]
    github = GitHub(paged(comments))

    assert [one.id for one in github.forge.pulls.comments(12)] == list(range(250))
    assert [one.url.params["per_page"] for one in github.asked] == ["100"] * 3


def test_deployments_older_than_asked_for_are_not_paged_through() -> None:
    items = [
        {"id": number, "environment": "prod", "created_at": f"2026-11-{30 - number // 20:02d}T00:00:00Z"}
        for number in range(400)
    ]
    github = GitHub(paged(items))

    found = github.forge.deployments.of("prod", since="2026-11-27T00:00:00Z")

    assert [one.id for one in found] == list(range(80))
    assert len(github.asked) == 1


def test_a_next_page_on_another_host_does_not_get_the_token() -> None:
    github = GitHub(said(200, [], link='<https://evil.example/?page=2>; rel="next"'))

    with pytest.raises(Misconfigured, match="another host"):
        github.forge.pulls.comments(12)
    assert len(github.asked) == 1


# -- files


def asset(name: str, data: bytes, **different: Any) -> dict[str, Any]:
    digest = "sha256:" + WantedAsset(name, "", data).digest
    return {"id": 5, "name": name, "size": len(data), "digest": digest, "state": "uploaded"} | different


RELEASE = {
    "id": 7, "tag_name": "v1.0.0", "assets": [],
    "upload_url": "https://uploads.github.com/repos/acme/fleet/releases/7/assets{?name,label}",
}  # fmt: skip


def test_a_file_goes_to_where_its_release_says() -> None:
    github = GitHub(said(200, RELEASE), said(201, asset("audit.json", b"{}")))
    forge = github.forge
    release = forge.releases.published("v1.0.0")
    assert release is not None

    forge.releases.upload(release, WantedAsset("audit.json", "application/json", b"{}"))

    sent = github.asked[-1]
    assert str(sent.url) == "https://uploads.github.com/repos/acme/fleet/releases/7/assets?name=audit.json"
    assert (sent.headers["Content-Type"], sent.content) == ("application/json", b"{}")


def test_a_file_that_arrived_as_other_bytes_is_looked_up_again() -> None:
    github = GitHub(said(200, RELEASE), said(201, asset("audit.json", b"{")))
    forge = github.forge
    release = forge.releases.published("v1.0.0")
    assert release is not None

    with pytest.raises(AnswerLost, match=r"something else than audit\.json"):
        forge.releases.upload(release, WantedAsset("audit.json", "application/json", b"{}"))


def test_an_address_for_files_without_encryption_does_not_get_the_token() -> None:
    github = GitHub(said(200, RELEASE | {"upload_url": "http://uploads.github.com/x"}))
    forge = github.forge
    release = forge.releases.published("v1.0.0")
    assert release is not None

    with pytest.raises(Misconfigured, match="without encryption"):
        forge.releases.upload(release, WantedAsset("audit.json", "application/json", b"{}"))
    assert len(github.asked) == 1


def test_a_digest_that_an_older_server_does_not_tell_is_that_of_the_file() -> None:
    held = RELEASE | {"assets": [asset("audit.json", b"{}", digest=None)]}
    elsewhere = said(302, None, location="https://objects.example/file")
    github = GitHub(said(200, held), elsewhere, httpx.Response(200, content=b"{}"))

    release = github.forge.releases.published("v1.0.0")

    assert release is not None
    assert release.assets[0].digest == WantedAsset("", "", b"{}").digest
    assert "Authorization" not in github.asked[-1].headers


# -- the token


def every_way_to_fail() -> Iterator[Answer]:
    for status in (301, 400, 401, 403, 404, 409, 410, 422, 500):
        yield said(status, {"message": f"no, {SECRET[:4]}"})
    yield httpx.ConnectError("refused")
    yield httpx.ReadTimeout("slow")
    yield httpx.Response(200, content=b"<html>")


def test_the_token_is_in_no_error_no_repr_and_no_log(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    for answer in every_way_to_fail():
        github = GitHub(answer)
        forge = github.forge
        with pytest.raises(ReleaseError) as error:
            forge.pulls.comments(12)
        told = error.value
        shown = [
            told.cause,
            told.fix,
            told.see or "",
            *told.details,
            repr(told),
            repr(vars(forge)),
            repr(forge),
        ]
        chain: BaseException | None = told
        while chain is not None:
            shown.append(repr(chain) + str(chain))
            chain = chain.__cause__ or chain.__context__
        assert not [one for one in shown if SECRET in one]
    assert SECRET not in caplog.text
    assert SECRET not in repr(Token(SECRET, "GH_TOKEN"))


@pytest.mark.parametrize("status", [400, 401, 403, 404, 409, 422, 502])
@pytest.mark.parametrize("before", [0, 270], ids=["whole", "where words are cut"])
def test_a_proxy_that_says_back_what_it_was_sent_tells_nobody_the_token(status: int, before: int) -> None:
    echo = said(status, {"message": "x" * before + f"Authorization: Bearer {SECRET} is not known here"})

    error = refused(echo)

    told = " ".join([error.cause, error.fix, *error.details])
    assert "Bearer" in told or before
    assert SECRET[:8] not in told


@pytest.mark.parametrize("value", [f"{SECRET}\n", f"'{SECRET} '", f"{SECRET}é", "\x00"], ids=ascii)
def test_what_cannot_be_a_token_is_refused_without_being_shown(value: str) -> None:
    with pytest.raises(Misconfigured) as error:
        find_token({"GH_TOKEN": value}, HOME.api)
    assert SECRET not in repr(error.value) + error.value.fix
    assert error.value.cause.startswith("what GH_TOKEN holds is no token")


def program(folder: Path, name: str, script: str) -> Mapping[str, str]:
    path = folder / name
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)
    return {"PATH": f"{folder}:/usr/bin:/bin"}


def test_without_a_variable_the_token_is_the_one_that_gh_keeps_for_that_host(tmp_path: Path) -> None:
    environ = program(tmp_path, "gh", 'test "$*" = "auth token --hostname github.com" && echo gho_kept')

    assert find_token(environ, HOME.api) == Token("gho_kept", "gh auth token")
    assert find_token({**environ, "GITHUB_TOKEN": "b", "GH_TOKEN": "a"}, HOME.api) == Token("a", "GH_TOKEN")
    assert find_token(environ, "https://github.acme.example/api/v3") is None
    assert find_token(program(tmp_path, "gh", "echo nobody >&2; exit 1"), HOME.api) is None


# -- which repository


@pytest.mark.parametrize(
    "remote",
    [
        "https://github.com/acme/fleet.git", "https://github.com/acme/fleet", "git@github.com:acme/fleet.git",
        "ssh://git@github.com/acme/fleet.git", "ssh://git@ssh.github.com:443/acme/fleet.git",
        "https://user:secret@github.com/acme/fleet/",
    ],
)  # fmt: skip
def test_the_remote_names_the_repository(remote: str) -> None:
    assert home_of({}, remote) == HOME
    assert home_of({}, remote).url == "https://github.com/acme/fleet"


@pytest.mark.parametrize("remote", [None, "", "/srv/fleet.git", "file:///srv/fleet.git", "https://[", "x"])
def test_a_remote_that_is_not_on_github_needs_to_be_told_where(remote: str | None) -> None:
    with pytest.raises(Misconfigured) as error:
        home_of({}, remote)
    assert "GITHUB_API_URL" in error.value.fix


def test_a_token_of_github_is_not_sent_to_another_forge() -> None:
    with pytest.raises(Misconfigured, match=r"the remote is on gitlab\.com"):
        home_of({}, "https://gitlab.com/acme/fleet.git")
    with pytest.raises(Misconfigured, match="name on GitHub is not known"):
        home_of({"GITHUB_API_URL": HOME.api}, "https://gitlab.com/acme/fleet.git")


def test_a_server_of_ones_own_is_found_by_its_address() -> None:
    environ = {"GITHUB_API_URL": "https://github.acme.example/api/v3/"}

    found = home_of(environ, "git@github.acme.example:acme/fleet.git")

    assert found == Home("https://github.acme.example/api/v3", "https://github.acme.example", "acme/fleet")
    assert home_of({**environ, "GITHUB_REPOSITORY": "a/b"}, None).repository == "a/b"


@pytest.mark.parametrize(
    "api", ["http://api.github.com", "ftp://x/", "https://", "https://user@api.github.com", "https://[", "x"]
)
def test_an_address_that_no_token_should_go_to_is_refused(api: str) -> None:
    with pytest.raises(Misconfigured, match="no address to send a token to"):
        home_of({"GITHUB_API_URL": api, "GITHUB_REPOSITORY": "a/b"}, None)


@pytest.mark.parametrize("name", ["fleet", "acme/fleet/x", "acme/../x", "acme/fl eet", "acme/fleet\n", "/"])
def test_a_name_that_is_no_repository_is_refused(name: str) -> None:
    with pytest.raises(Misconfigured, match="names no repository"):
        home_of({"GITHUB_API_URL": HOME.api, "GITHUB_REPOSITORY": name}, None)


# -- whose token


def test_a_person_is_known_by_the_token_and_an_app_is_no_person() -> None:
    person = GitHub(said(200, {"login": "ana", "type": "User"}))
    forge = person.forge

    assert (forge.login(), forge.login()) == ("ana", "ana")
    assert [str(one.url) for one in person.asked] == ["https://api.github.com/user"]
    assert GitHub(said(200, {"login": "x[bot]", "type": "Bot"})).forge.login() is None
    asked_by_app = GitHub(said(500))
    app = GitHubForge(
        HOME, Token("ghs_x", "GH_TOKEN"), FakeClock(), transport=httpx.MockTransport(asked_by_app)
    )
    assert app.login() is None and asked_by_app.asked == []


def test_bodies_are_json_that_says_no_more_than_github_knows() -> None:
    github = GitHub(said(201, {}))

    github.forge.deployments.add_status(7, STATUS)

    assert json.loads(github.asked[0].content) == {
        "state": "success", "description": "it serves", "auto_inactive": False
    }  # fmt: skip


def test_who_asks_at_once_waits_for_nothing_and_who_needs_to_know_is_patient() -> None:
    away = GitHub(said(502))
    with pytest.raises(Unavailable):
        away.forge.login(at_once=True)
    assert len(away.asked) == 1

    limited = GitHub(said(403, {"message": "slow down"}, retry_after="42"))
    with pytest.raises(Unavailable, match="rate limit"):
        limited.forge.login(at_once=True)
    assert limited.clock.sleeps == []

    slow = GitHub(said(502), said(200, {"login": "ana", "type": "User"}))
    assert slow.forge.login() == "ana"
