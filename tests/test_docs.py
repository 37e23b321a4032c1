"""Documents and program say the same: verbs, options, exit codes, links."""

import os
import re
from collections.abc import Iterator, Mapping
from pathlib import Path

import click
import pytest

import dev
from release.errors import ExitCode

ROOT = Path(__file__).resolve().parent.parent
README = ROOT / "README.md"
CLI = ROOT / "docs" / "cli.md"


def commands_of(
    group: click.Command, path: tuple[str, ...] = ()
) -> Iterator[tuple[tuple[str, ...], click.Command]]:
    """Every command of a click tree with the words after `release`; groups and hidden ones left out."""
    if not isinstance(group, click.Group):
        yield path, group
        return
    context = click.Context(group)
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        assert command is not None, f"{name} is listed but cannot be loaded"
        if not command.hidden:
            yield from commands_of(command, (*path, name))


def all_commands() -> Mapping[str, click.Command]:
    from release.cli.main import cli

    return {" ".join(words): command for words, command in commands_of(cli)}


def text_of(page: Path) -> str:
    return page.read_text(encoding="utf-8")


def documented(text: str) -> list[str]:
    """The command lines of a page: its shell blocks, and the lines with a prompt in its transcripts."""
    lines: list[str] = []
    for kind, block in re.findall(
        r"^ *```(bash|sh|shell|console)\n(.*?)^ *```", text, re.MULTILINE | re.DOTALL
    ):
        found = block.splitlines()
        if kind == "console":
            found = [line for line in found if line.startswith("$ ")]
        lines += [line.strip().removeprefix("$ ").split(" #")[0].strip() for line in found]
    return [line for line in lines if line and not line.startswith("#")]


def pages() -> list[Path]:
    return [
        README,
        ROOT / "CONTRIBUTING.md",
        ROOT / "CHANGELOG.md",
        *sorted((ROOT / "docs").rglob("*.md")),
    ]


def sections(page: Path) -> Mapping[str, str]:
    """The `## release …` sections of a page: words of the command -> text below its heading."""
    found: dict[str, str] = {}
    for part in re.split(r"^## ", text_of(page), flags=re.MULTILINE)[1:]:
        heading, _, body = part.partition("\n")
        if heading.startswith("release "):
            words = [word for word in heading.split()[1:] if re.fullmatch(r"[a-z-]*[a-z]", word)]
            found[" ".join(words)] = body
    return found


def test_every_verb_has_its_section_and_every_section_its_verb() -> None:
    assert set(sections(CLI)) == set(all_commands())


def test_the_options_of_every_verb_are_documented_and_no_others() -> None:
    differences = []
    for words, body in sections(CLI).items():
        listed = re.findall(r"^\| (`-.*?`) \|", body, re.MULTILINE)
        written = {name for cell in listed for name in re.findall(r"`(--?[a-z][a-z-]*)", cell)}
        options = [one for one in all_commands()[words].params if isinstance(one, click.Option)]
        known = {name for one in options for name in (*one.opts, *one.secondary_opts)}
        if written != known:
            differences.append(f"release {words}: missing {known - written}, unknown {written - known}")
    assert not differences, "\n".join(differences)


def test_arguments_of_every_verb_are_in_its_heading() -> None:
    headings = [line for line in text_of(CLI).splitlines() if line.startswith("## release ")]
    for words, command in all_commands().items():
        heading = next(line for line in headings if line.startswith(f"## release {words}"))
        for argument in (one for one in command.params if isinstance(one, click.Argument)):
            name = (argument.metavar or str(argument.name)).upper()
            assert name.split()[-2:][0].strip("-[]… ") in heading, f"{heading} does not show {name}"


def test_release_commands_in_the_documents_exist() -> None:
    known = all_commands()
    wrong = []
    for page in pages():
        for line in documented(text_of(page)):
            calls = re.findall(r"(?:^|-- )release (?!-)(.*?)(?= -- |$)", line)
            for call in calls:
                words = max((one for one in known if (call + " ").startswith(one + " ")), key=len, default="")
                options = {name for one in known[words].params for name in one.opts} if words else set()
                used = set(re.findall(r"(?<!\S)(--?[a-z][a-z-]*)", re.sub(r'"[^"]*"', "", call)))
                if not words or not used <= {*options, "--", "--help"}:
                    wrong.append(f"{page.relative_to(ROOT)}: {line}")
    assert not wrong, "\n".join(wrong)


def test_dev_and_make_commands_in_the_documents_exist() -> None:
    targets = set(re.search(r"^\.PHONY: (.*)$", (ROOT / "Makefile").read_text(), re.MULTILINE)[1].split())
    found = set()
    for page in pages():
        for line in documented(text_of(page)):
            if match := re.match(r"python3 dev\.py (\S+)", line):
                assert match[1] in dev.COMMANDS, f"{page}: {line}"
                found.add((page.name, match[1]))
            if match := re.match(r"make (\S+)", line):
                assert match[1] in targets, f"{page}: {line}"
    assert {("README.md", "demo"), ("README.md", "test")} <= found
    assert targets == set(dev.COMMANDS)


def test_the_help_of_dev_names_every_command(capsys: pytest.CaptureFixture[str]) -> None:
    assert dev.main(["help"]) == 0

    shown = capsys.readouterr().out
    assert all(f"dev.py {command}" in shown for command in dev.COMMANDS)


@pytest.mark.parametrize("page", [README, CLI, ROOT / "docs" / "runbook.md"], ids=lambda page: page.name)
def test_a_table_of_exit_codes_has_exactly_those_that_exist(page: Path) -> None:
    listed = [int(code) for code in re.findall(r"^\| (\d+) \|", text_of(page), re.MULTILINE)]

    assert listed == sorted(ExitCode)


def test_the_tables_of_exit_codes_agree() -> None:
    tables = [
        re.findall(r"^\| (\d+) \| ([^|]+) \|", text_of(page), re.MULTILINE)
        for page in (README, CLI, ROOT / "docs" / "runbook.md")
    ]

    assert tables[0] == tables[1] == tables[2]


def tracked_pages() -> list[Path]:
    skipped = {".venv", ".bench", ".git", "node_modules"}
    found: list[Path] = []
    for folder, below, files in os.walk(ROOT):
        below[:] = [name for name in below if name not in skipped]
        found += (Path(folder, name) for name in files if name.endswith(".md"))
    return sorted(found)


def anchors(page: Path) -> set[str]:
    """Anchors of a page's headings, as GitHub makes them."""
    prose = re.sub(r"^```.*?^```", "", text_of(page), flags=re.DOTALL | re.MULTILINE)
    headings = re.findall(r"^#+ (.*)$", prose, re.MULTILINE)
    plain = [re.sub(r"[^\w\- ]", "", heading.lower().replace("`", "")) for heading in headings]
    return {heading.strip().replace(" ", "-") for heading in plain}


@pytest.mark.parametrize("page", tracked_pages(), ids=lambda page: str(page.relative_to(ROOT)))
def test_links_between_documents_lead_somewhere(page: Path) -> None:
    prose = re.sub(r"^```.*?^```", "", text_of(page), flags=re.DOTALL | re.MULTILINE)
    broken = []
    for link in re.findall(r"\]\((?!\w+:)([^)\s]+)\)", prose):
        path, _, anchor = link.partition("#")
        leads_to = page.parent / path if path else page
        if not leads_to.exists() or (anchor and leads_to.suffix == ".md" and anchor not in anchors(leads_to)):
            broken.append(link)
    assert not broken, f"{page.relative_to(ROOT)} links to {broken}"


def test_every_decision_is_in_the_index() -> None:
    folder = ROOT / "docs" / "decisions"
    index = text_of(folder / "README.md")
    pages = sorted(path.name for path in folder.glob("[0-9]*.md"))

    assert pages == re.findall(r"\]\(([0-9]{4}-[a-z0-9-]+\.md)\)", index)
    assert [name[:4] for name in pages] == [f"{number:04}" for number in range(1, len(pages) + 1)]
