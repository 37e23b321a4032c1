"""What a run of GitHub Actions gets told: values for its next steps and jobs, and its summary."""

import json
import os
import secrets
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from release.cli.output import say
from release.errors import Misconfigured


def matrix_of(shards: Sequence[Sequence[str]]) -> Mapping[str, Any]:
    """For `strategy.matrix: ${{ fromJSON(…) }}`: one job for every shard."""
    return {
        "include": [
            {"shard": number, "services": list(services)} for number, services in enumerate(shards, start=1)
        ]
    }


def outputs(shards: Sequence[Sequence[str]]) -> Mapping[str, str]:
    """`any` is for `if:`, because GitHub fails a job whose matrix is empty."""
    count = sum(map(len, shards))
    # ASCII, and JSON of one line: whatever a name holds, it is data.
    text = json.dumps(matrix_of(shards), separators=(",", ":"))
    return {"matrix": text, "count": str(count), "any": "true" if count else "false"}


def write_outputs(values: Mapping[str, str]) -> bool:
    """Append to the file that GitHub names. False: there is none.

    https://docs.github.com/en/actions/reference/workflow-commands-for-github-actions#multiline-strings: a
    value ends at a delimiter that nobody can guess. Raises Misconfigured.
    """
    text = ""
    for name, value in values.items():
        delimiter = f"release_{secrets.token_hex(16)}"
        text += f"{name}<<{delimiter}\n{value}\n{delimiter}\n"
    return _append("GITHUB_OUTPUT", text, what="the outputs of this job")


def append_summary(text: str) -> bool:
    """Append to the summary of the job. False: there is none, or it cannot be written, which is said.

    It only shows what has happened: the exit code speaks of that.
    """
    try:
        return _append("GITHUB_STEP_SUMMARY", text, what="the summary of this job")
    except Misconfigured as error:
        say(f"warning: {error.cause}", err=True)
        return False


def _append(variable: str, text: str, *, what: str) -> bool:
    file = os.environ.get(variable)
    if not file:
        return False
    try:
        with Path(file).open("a", encoding="utf-8") as output:
            output.write(text)
    except OSError as error:
        raise Misconfigured(
            f"{what} cannot be written: {error.strerror}",
            fix=f"let {variable} name a file that can be written, or unset it",
            see=file,
        ) from error
    return True


def annotate(lines: Iterable[tuple[str, str, str]]) -> None:
    """(kind, title, text) of annotations that the page of a run shows. Elsewhere nothing is said.

    https://docs.github.com/en/actions/reference/workflow-commands-for-github-actions#setting-a-notice-message
    """
    if os.environ.get("GITHUB_ACTIONS") != "true":
        return
    for kind, title, text in lines:
        say(f"::{kind} title={_property(title)}::{_data(text)}", err=True, exact=True)


def annotate_place(title: str, text: str, see: str | None) -> None:
    """An error beside the line that it is about, in what a pull request changes. `see`: FILE or FILE:LINE."""
    if os.environ.get("GITHUB_ACTIONS") != "true":
        return
    file, _, line = (see or "").partition(":")
    named = {"file": file, "line": line if line.isdigit() else "", "title": title}
    where = ",".join(f"{name}={_property(value)}" for name, value in named.items() if value)
    say(f"::error {where}::{_data(text)}", err=True, exact=True)


def _data(text: str) -> str:
    """As https://github.com/actions/toolkit (packages/core/src/command.ts) escapes it."""
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _data(text).replace(":", "%3A").replace(",", "%2C")
