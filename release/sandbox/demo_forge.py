"""What the forge of the sandbox holds of a repository, as people see it on GitHub: the end of the demo."""

from collections.abc import Iterator, Mapping
from typing import Any


def shown(repository: Mapping[str, Any], width: int) -> Iterator[str]:
    """Lines of releases with their files, of deployments, and of comments on pull requests.

    `repository`: the fields of `release.sandbox.forge.state.Repository`.
    """
    yield "Releases"
    for one in repository["releases"]:
        words = ["draft" if one["draft"] else "published"]
        words += ["latest"] if one["id"] == repository["latest"] else []
        words += ["immutable"] if one["immutable"] else []
        yield f"  {one['tag']:<10} {', '.join(words)}"
        for asset in one["assets"]:
            digest = asset["digest"].removeprefix("sha256:")[:12]
            yield f"    {asset['name']:<26} {asset['size']:>9,} bytes   sha256 {digest}…"
    yield ""
    yield "Deployments (newest of each environment and region)"
    for one in _newest(repository["deployments"]):
        payload, state = one["payload"], one["statuses"][-1]["state"]
        what = f"{payload['verb']} {payload['tag'] or one['sha'][:10]}"
        yield f"  {one['environment']:<6} {payload['region']:<11} {state:<12} {what}"
    for pull in repository["pulls"]:
        for comment in pull["comments"]:
            yield ""
            yield f"Comment on #{pull['number']}, {pull['title']}"
            yield from _table(comment["body"], width)


def _table(markdown: str, width: int) -> Iterator[str]:
    """The table in a text, in columns."""
    lines = [line for line in markdown.splitlines() if line.startswith("|") and not line.startswith("|--")]
    rows = [[_words(cell) for cell in line.strip("|").split("|")] for line in lines]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        cells = (f"{cell:<{size}}" for cell, size in zip(row, widths, strict=True))
        yield f"  {'  '.join(cells)}".rstrip()[:width]


def _newest(deployments: Any) -> list[Any]:
    found = {(one["environment"], one["payload"]["region"]): one for one in deployments}
    return list(found.values())


def _words(cell: str) -> str:
    """A cell of Markdown without its link."""
    return cell.strip().partition("](")[0].removeprefix("[")
