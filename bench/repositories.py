"""Generated repositories: a bare remote and a clone of it, by `git fast-import`. The same every time."""

import hashlib
import subprocess
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from release.adapters.clock import SystemClock
from release.adapters.git import GitRepo
from release.adapters.ledger import GitLedger
from release.core.records import Event, Holder, ReleaseRef, Served

_BEGAN = 1_700_000_000  # seconds since 1970: the first commit; every further one is a minute later
_PERSON = "Bench <bench@example.invalid>"
_TAGS_OF_A_LINE = ("-qa.1", "-qa.2", "-rc.1", "")  # of one commit, as a release leaves them

ENVIRONMENTS = """\
artifacts: {account: "999999999999", bucket: "bench-{region}"}
alias: live
environments:
  dev: {account: "111111111111", regions: [us-east-1]}
  qa: {account: "222222222222", regions: [us-east-1]}
  prod: {account: "444444444444", regions: [us-east-1, us-west-2]}
"""
FLEET = """\
services: ["*"]
tags: "v{version}"
branches: [main]
stages:
  - {name: dev, on: push, rollout: all-at-once}
  - {name: qa, channel: qa, after: dev, rollout: all-at-once}
  - {name: prod, channel: gold, after: qa, rollout: all-at-once}
"""
PIPELINES = {"pipelines/environments.yaml": ENVIRONMENTS, "pipelines/fleet.yaml": FLEET}
_SERVICE = """\
team: team-{team}
owner: team-{team}@acme.example
data_class: internal
cost_center: "{center}"
runtime: python3.13
architecture: arm64
functions:
  api: {{name: "{name}-{{stage}}", handler: {module}.handler.handler}}
settings:
  default: {{memory: 256, timeout: 30, log_retention_days: 7, environment: {{LEVEL: INFO, NO: "{number}"}}}}
  prod: {{memory: 1024, timeout: 60, log_retention_days: 30, tracing: 5%}}
smoke: {{payload: {{health_check: true}}, timeout: 10s, critical: [table]}}
"""


@dataclass(frozen=True, slots=True)
class Repository:
    """`clone` is a work tree whose origin is `remote`, a bare repository beside it."""

    folder: Path

    @property
    def remote(self) -> Path:
        return self.folder / "remote.git"

    @property
    def clone(self) -> Path:
        return self.folder / "clone"

    @property
    def url(self) -> str:
        return f"file://{self.remote}"


def key(*parameters: object) -> str:
    """Changes with the parameters and with this file, so that what an older one made is not taken for new."""
    source = Path(__file__).read_bytes()
    return hashlib.sha256(source + repr(parameters).encode()).hexdigest()[:10]


def service_files(count: int) -> Mapping[str, str]:
    """services/*/service.yaml of so many services, each of a size as teams write them."""
    names = [f"service-{number:05d}" for number in range(count)]
    return {
        f"services/{name}/service.yaml": _SERVICE.format(
            name=name,
            module=name.replace("-", "_"),
            number=number,
            team=number % 40,
            center=4000 + number % 97,
        )
        for number, name in enumerate(names)
    }


def tag_names(count: int) -> Iterator[str]:
    """v1.0.0-qa.1, v1.0.0-qa.2, v1.0.0-rc.1, v1.0.0, v1.0.1-qa.1, …: a minor after every 20 patches."""
    for number in range(count):
        line = number // len(_TAGS_OF_A_LINE)
        yield f"v1.{line // 20}.{line % 20}{_TAGS_OF_A_LINE[number % len(_TAGS_OF_A_LINE)]}"


def make_tagged(folder: Path, tags: int, files: Mapping[str, str]) -> None:
    """A history whose every release left four annotated tags on one commit, and a feature after the last.

    By the ledger dev has run that feature, so that qa can take it.
    """
    names = list(tag_names(tags))
    per_commit = len(_TAGS_OF_A_LINE)
    groups = [names[at : at + per_commit] for at in range(0, len(names), per_commit)]

    def stream() -> Iterator[bytes]:
        for number, group in enumerate(groups):
            yield from _commit(
                number + 1, f"fix: change {number}", files if number == 0 else {"change": str(number)}
            )
            for name in group:
                yield _tag(name, number + 1)
        yield from _commit(len(groups) + 1, "feat: what is to be released", {"change": "last"})

    repository = _imported(folder, stream())
    _record_that_dev_ran(repository)


def make_untagged(folder: Path, files: Mapping[str, str]) -> None:
    """One commit with these files, which dev has run."""
    repository = _imported(folder, _commit(1, "feat: everything", files))
    _record_that_dev_ran(repository)


def make_history(folder: Path, commits: Sequence[tuple[str, Mapping[str, str]]]) -> None:
    """One commit after the other on main: its message, and the files that it adds or changes."""
    _imported(folder, (line for at, one in enumerate(commits) for line in _commit(at + 1, *one)))


def _imported(folder: Path, stream: Iterable[bytes]) -> Repository:
    repository = Repository(folder)
    git(folder, "init", "--quiet", "--bare", "--initial-branch=main", str(repository.remote))
    process = subprocess.Popen(
        ["git", "-C", str(repository.remote), "fast-import", "--quiet"], stdin=subprocess.PIPE
    )
    assert process.stdin is not None  # noqa: S101 - for the type checker: it was asked for
    with process.stdin as pipe:
        pipe.writelines(stream)
    if process.wait() != 0:
        raise RuntimeError(f"git fast-import ended with {process.returncode}")
    git(repository.remote, "pack-refs", "--all")
    git(folder, "clone", "--quiet", repository.url, str(repository.clone))
    return repository


def _commit(mark: int, message: str, files: Mapping[str, str]) -> Iterator[bytes]:
    yield f"commit refs/heads/main\nmark :{mark}\ncommitter {_PERSON} {_BEGAN + 60 * mark} +0000\n".encode()
    yield _data(message)
    for path, text in files.items():
        yield f"M 100644 inline {path}\n".encode() + _data(text)


def _tag(name: str, mark: int) -> bytes:
    head = f"tag {name}\nfrom :{mark}\ntagger {_PERSON} {_BEGAN + 60 * mark} +0000\n".encode()
    return head + _data(f"Release {name}\n")


def _data(text: str) -> bytes:
    content = text.encode()
    return b"data %d\n%s\n" % (len(content), content)


def _record_that_dev_ran(repository: Repository) -> None:
    repo = GitRepo.open(repository.clone)
    ledger = GitLedger(repo, SystemClock())
    release = ReleaseRef(repo.resolve("HEAD"), "0" * 64)
    served = Served("bench", "bench-dev", "111111111111", "us-east-1")
    state = ledger.read()

    def event(kind: str, **more: object) -> Event:
        common = {
            "kind": kind,
            "id": "20261121T095000Z-fleet-dev-00000001",
            "at": "2026-11-21T09:50:00Z",
            "pipeline": "fleet",
            "stage": "dev",
            "verb": "deploy",
            "release": release,
            "actor": "Bench",
            "tool": "bench",
            "fence": 1,
        }
        return Event(**{**common, **more})  # type: ignore[arg-type]

    started = event(
        "started", holder=Holder("bench", 1, "1"), next_by="2026-11-21T10:50:00Z", before=(served,)
    )
    state = ledger.append(state, started)
    ledger.append(state, event("outcome", outcome="succeeded", after=(served,)))


def git(folder: Path, *arguments: str) -> str:
    """Standard output. Raises CalledProcessError."""
    done = subprocess.run(["git", "-C", str(folder), *arguments], check=True, capture_output=True, text=True)
    return done.stdout.strip()
