"""What a release says to people. The facts are in its `audit.json`; this may be edited."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from release.core.audit import pull_requests
from release.core.forge.names import run_url
from release.core.forge.releases import AUDIT, LONGEST_BODY, WantedAsset, marker
from release.core.markdown import plain

_ROOM: Final = LONGEST_BODY - 5_000  # for what says how much was left out
_MOST_FUNCTIONS: Final = 200
_MOST_COMMITS: Final = 300


@dataclass(frozen=True, slots=True)
class Around:
    """Where a release stands, for links and commands."""

    repository: str  # its address on GitHub
    name: str  # OWNER/NAME
    before: str | None  # tag that served before
    workflow: str | None  # file of the button that rolls back
    pipeline: str | None  # to be named in commands, where there are several


def release_body(audit: Mapping[str, Any], assets: Sequence[WantedAsset], around: Around) -> str:
    """Markdown, shorter than GitHub takes. `audit`: the document of the promotion, as it was parsed."""
    tag, stage = audit["release"]["tag"], audit["stage"]
    parts = [
        [marker(tag), ""],
        list(_who(audit, around)),
        list(_where(audit)),
        list(_verify(tag, assets, around)),
        list(_back(tag, stage, around)),
    ]
    used = sum(len(line) + 1 for part in parts for line in part)
    changes = list(_changes(audit, around, _ROOM - used))
    return "\n".join(line for part in (*parts[:2], changes, *parts[2:]) for line in part) + "\n"


def _who(audit: Mapping[str, Any], around: Around) -> Iterator[str]:
    asked, ended = audit["requested"], audit["ended"]
    run = run_url(around.repository, asked["run"])
    by = f"{plain(asked['actor'])}" + (f" ([run]({run}))" if run else ", from a laptop")
    yield f"In **{plain(audit['stage'])}** since {ended['at']}, asked for by {by}."
    if audit["release"]["source"]:
        yield f"Comes from `{_code(audit['release']['source'])}`, the same bytes."
    yield ""
    if asked["reason"]:
        yield f"> {plain(asked['reason'])}"
        yield ""
    if asked.get("approvers"):
        yield f"- approved by {', '.join(map(plain, asked['approvers']))}"
    for one in audit["approvals"]:
        who = f"{plain(one['actor'])}, {one['at']}"
        yield f"- accepted in {plain(one['stage'])} by {who}: {plain(one['reason'])}"
    if audit["approvals"] or asked.get("approvers"):
        yield ""


def _changes(audit: Mapping[str, Any], around: Around, room: int) -> Iterator[str]:
    """As many of the commits as there is room for."""
    commits = audit["commits"]
    count = commits["count"]["added"]
    since = f" since {plain(around.before)}" if around.before else ""
    yield f"## What changed{since}"
    yield ""
    pulls = len(commits["pull_requests"])
    yield f"{count} commit{'' if count == 1 else 's'}, {pulls} pull request{'' if pulls == 1 else 's'}."
    yield ""
    shown = 0
    for commit in commits["added"][:_MOST_COMMITS]:
        line = f"- {_subject(commit['subject'])} {commit['id'][:10]}"
        room -= len(line) + 1
        if room < 0:
            break
        yield line
        shown += 1
    if shown < count:
        yield f"- … and {count - shown} more: `{AUDIT}` lists them"
    if count:
        yield ""


def _subject(subject: str) -> str:
    """With the number of its pull request as GitHub links it."""
    numbers = pull_requests([subject])
    words = subject.removesuffix(f"(#{numbers[0]})").rstrip() if numbers else subject
    return plain(words) + "".join(f" (#{number})" for number in numbers)


def _where(audit: Mapping[str, Any]) -> Iterator[str]:
    functions = audit["functions"]
    yield "## Where it runs"
    yield ""
    yield "| function | region | version | code (sha256) |"
    yield "|---|---|---|---|"
    for one in functions[:_MOST_FUNCTIONS]:
        after = one["after"] or {}
        code = f"`{after['code'][:12]}`" if after.get("code") else "-"
        version = plain(after.get("lambda_version") or "-")
        yield f"| {plain(one['function'])} | {plain(one['region'])} | {version} | {code} |"
    if len(functions) > _MOST_FUNCTIONS:
        yield ""
        yield f"… and {len(functions) - _MOST_FUNCTIONS} more: `{AUDIT}` lists them"
    yield ""


def _verify(tag: str, assets: Sequence[WantedAsset], around: Around) -> Iterator[str]:
    yield "## How to verify it"
    yield ""
    yield "```sh"
    yield f"release audit verify {_code(tag)}{_named(around)}"
    yield f"gh release download {_code(tag)} --repo {_code(around.name)}"
    yield "```"
    yield ""
    yield "| file | sha256 |"
    yield "|---|---|"
    for asset in assets:
        yield f"| {plain(asset.name)} | `{asset.digest}` |"
    yield ""


def _back(tag: str, stage: str, around: Around) -> Iterator[str]:
    yield "## How to roll it back"
    yield ""
    if around.workflow:
        page = f"{around.repository}/actions/workflows/{around.workflow}"
        yield f"The button: [{plain(around.workflow)}]({page}). Or:"
        yield ""
    yield "```sh"
    yield f'release rollback {_code(stage)} --reason "why"{_named(around)}'
    yield "```"
    if around.before is None:
        yield ""
        yield "Nothing served before it, so there is nothing to go back to yet."
    else:
        yield ""
        yield f"It brings back what served before; `--to {_code(tag)}` brings this one back later."


def _named(around: Around) -> str:
    return f" --pipeline {_code(around.pipeline)}" if around.pipeline else ""


def _code(text: str) -> str:
    """In code. Names of tags, stages and repositories have no backquotes by their rules."""
    return text.replace("`", "'").replace("\n", " ")
