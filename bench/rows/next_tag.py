"""What the next tag costs as tags grow. `release next` asks the remote and the ledger, cz only the clone."""

from functools import partial
from pathlib import Path

from bench import machine
from bench.imports import imports_of
from bench.model import Command, Contenders, Goal, Row
from bench.repositories import PIPELINES, Repository, key, make_tagged, service_files, tag_names
from bench.workshop import Workshop, floor

COUNTS = (100, 10_000, 100_000)

# It reads the version from the tags, as `release` does. A pre-release called qa it must not see: it fails.
_CZ = """\
[tool.commitizen]
version_provider = "scm"
version_scheme = "semver2"
tag_format = "v$version"
ignored_tag_formats = ["v*-qa.*"]
"""
# A forge that nobody asks: `--noop` and `--print` read the clone.
_PYTHON_SEMANTIC_RELEASE = """\
[semantic_release]
tag_format = "v{version}"
[semantic_release.branches.main]
match = "main"
[semantic_release.remote]
type = "gitea"
url = "http://127.0.0.1:9/bench/bench.git"
insecure = true
ignore_token_for_push = true
"""


def _contenders(shop: Workshop, *, tags: int) -> Contenders:
    def make(folder: Path) -> None:
        shop.progress(f"generating a repository of {tags:,} tags")
        make_tagged(folder, tags, {**PIPELINES, **service_files(1)})
        (folder / "cz.toml").write_text(_CZ)
        (folder / "psr.toml").write_text(_PYTHON_SEMANTIC_RELEASE)

    repository = Repository(shop.kept(f"tags-{tags}-{key(tags, _CZ, _PYTHON_SEMANTIC_RELEASE)}", make))
    clone = repository.clone
    version = _expected(tags)
    modules = shop.cache / "data" / f"imports-of-next-{tags}.txt"
    modules.write_text("\n".join(imports_of(["next", "qa"], clone, shop.environment())))
    patterns = ("HEAD", "refs/heads/*", "refs/tags/*")
    git = (
        Command(("git", "for-each-ref", "refs/tags/"), clone),
        Command(("git", "ls-remote", "--symref", "origin", *patterns), clone),
    )
    imports = shop.program("import_all", str(modules), folder=clone)
    git_version = str(machine.facts()["git"])
    return [
        shop.ours("next", "qa", folder=clone, name="release next qa", shows=rf"^v{version}-qa\.1 "),
        floor("git and imports", *git, imports, version=f"git {git_version}"),
        floor("git alone", *git, version=f"git {git_version}", shows=r"refs/tags/v1\.0\.0"),
        shop.peer(
            "commitizen", "--config", "../cz.toml", "bump", "--get-next", "--yes",
            script="cz", folder=clone, shows=rf"^{version}\b",
        ),
        shop.peer(
            "python-semantic-release", "--noop", "-c", "../psr.toml", "version", "--print",
            script="semantic-release", name="python-semantic-release", folder=clone,
            shows=rf"(?m)^{version}$",
        ),
        shop.peer(
            "semantic-release", "--dry-run", "--no-ci", "--branches", "main", "--tag-format", "v${version}",
            "--plugins", "@semantic-release/commit-analyzer", "--repository-url", repository.url,
            folder=clone, shows=rf"next release version is {version}\b", name="semantic-release (npm)",
        ),
    ]  # fmt: skip


def _expected(tags: int) -> str:
    """The minor after the highest gold, for the feature that the history ends with."""
    golds = [name for name in tag_names(tags) if "-" not in name]
    major, minor, _ = max(tuple(int(part) for part in name[1:].split(".")) for name in golds)
    return rf"{major}\.{minor + 1}\.0"


def _goals(tags: int) -> tuple[Goal, ...]:
    return (Goal(2.5, "git and imports"), Goal(0.15, "cz")) if tags == COUNTS[-1] else ()


ROWS = tuple(
    Row(
        f"next-{tags}",
        f"the next tag in a repository with {tags:,} tags",
        partial(_contenders, tags=tags),
        goals=_goals(tags),
        rounds=11,
    )
    for tags in COUNTS
)
