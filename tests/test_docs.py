"""Documents and program say the same: every command is documented, and every documented one exists."""

import re
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

import dev

ROOT = Path(__file__).resolve().parent.parent
README = ROOT / "README.md"


def commands_of(group: click.Command, path: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    """Every command of a click tree, as the words after `release`; groups and hidden ones left out."""
    if not isinstance(group, click.Group):
        yield path
        return
    context = click.Context(group)
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        assert command is not None, f"{name} is listed but cannot be loaded"
        if not command.hidden:
            yield from commands_of(command, (*path, name))


def documented(text: str) -> list[str]:
    """The command lines of a page: what its shell blocks run, prompts, comments and output left out."""
    blocks = re.findall(r"^```(?:bash|sh|shell|console)\n(.*?)^```", text, re.MULTILINE | re.DOTALL)
    lines = [
        line.removeprefix("$ ").split(" #")[0].strip() for block in blocks for line in block.splitlines()
    ]
    return [line for line in lines if line and not line.startswith("#")]


def pages() -> list[Path]:
    return [README, ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").rglob("*.md"))]


def test_every_command_is_documented() -> None:
    from release.cli.main import cli

    text = "\n".join(page.read_text(encoding="utf-8") for page in pages())
    missing = [
        words
        for words in commands_of(cli)
        if not re.search(rf"\brelease {re.escape(' '.join(words))}(?![\w-])", text)
    ]
    assert not missing, f"nothing in README.md or docs/ says: {[' '.join(words) for words in missing]}"


def test_release_commands_in_the_documents_exist() -> None:
    from release.cli.main import cli

    known = {" ".join(words) for words in commands_of(cli)}
    unknown = [
        f"{page.relative_to(ROOT)}: {line}"
        for page in pages()
        for line in documented(page.read_text(encoding="utf-8"))
        if line.startswith("release ")
        and not any(re.match(rf"release {re.escape(name)}(?![\w-])", line) for name in known)
        and not line.startswith("release --")
    ]
    assert not unknown, "\n".join(unknown)


def test_dev_and_make_commands_in_the_documents_exist() -> None:
    targets = set(re.search(r"^\.PHONY: (.*)$", (ROOT / "Makefile").read_text(), re.MULTILINE)[1].split())
    found = 0
    for page in pages():
        for line in documented(page.read_text(encoding="utf-8")):
            if match := re.match(r"python3 dev\.py (\S+)", line):
                assert match[1] in dev.COMMANDS, f"{page}: {line}"
                found += 1
            if match := re.match(r"make (\S+)", line):
                assert match[1] in targets, f"{page}: {line}"
    assert found, "no page shows how to run dev.py"
    assert targets == set(dev.COMMANDS)


def test_every_exit_code_is_in_the_readme() -> None:
    listed = set(re.findall(r"^\| (\d+) \|", README.read_text(encoding="utf-8"), re.MULTILINE))

    assert listed == {"0", "1", "2", "3", "4", "5", "6", "7", "130"}


@pytest.mark.parametrize("page", pages(), ids=lambda page: str(page.relative_to(ROOT)))
def test_links_between_documents_lead_somewhere(page: Path) -> None:
    links = re.findall(r"\]\((?!\w+:)([^)#\s]+)", page.read_text(encoding="utf-8"))
    broken = [link for link in links if not (page.parent / link).exists()]

    assert not broken, f"{page.relative_to(ROOT)} links to {broken}"
