"""What it costs to tell which services a commit changes, beside tools that keep a graph of packages.

The repository says its graph twice: Python imports, which `release` reads, and dependencies of npm packages,
which the peers read. All have to name the same services.
"""

import atexit
import shutil
import subprocess
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from bench import machine, peers, workspaces
from bench.imports import imports_of
from bench.model import Absent, Command, Contender, Contenders, Goal, Row
from bench.repositories import Repository, git, key, make_history
from bench.workshop import Workshop, floor, made_once
from bench.workspaces import affected, changed_services, commits, names

COUNTS = (1_000, 5_000)
_LERNA_AT_MOST = 1_000  # at 5,000 it takes over two minutes
_OURS = ("changed", "--base", "HEAD~1", "--head", "HEAD", "--json")
_NX = {"NX_NO_CLOUD": "true", "NX_INTERACTIVE": "false"}
_PEERS = ("turbo", "nx", "nx with its daemon", "moon", "lerna")


@dataclass(frozen=True, slots=True)
class _Setting:
    shop: Workshop
    repository: Repository
    services: int
    cold: bool

    @property
    def shows(self) -> str:
        return answer(affected(self.services))


def answer(expected: Sequence[str], start: str = "", within: str = r"[\s\S]*") -> str:
    """Matches what names exactly these services after `start`, in any order, with `within` between."""
    there = "".join(rf"(?={within}\b{name}\b)" for name in expected)
    numbers = "|".join(name.rpartition("-")[2] for name in expected)
    return rf"\A[\s\S]*?{start}{there}(?!{within}\bservice-(?!(?:{numbers})\b)\d{{5}}\b)"


def _contenders(shop: Workshop, *, services: int, cold: bool) -> Contenders:
    setting = _Setting(shop, _repository(shop, services), services, cold)
    clone = setting.repository.clone
    ours = shop.ours(
        *_OURS, folder=clone, name="release changed",
        shows=answer(affected(services), r'"changed": \[', r"[^\]]*"),
    )  # fmt: skip
    ours = replace(ours, before=_forget(clone, ".git/release") if cold else None)
    contenders = [ours, *_floors(setting), *_turbo(setting), *_nx(setting), *_moon(setting)]
    return contenders if cold else [*contenders, *_lerna(setting)]


def _repository(shop: Workshop, services: int) -> Repository:
    def make(folder: Path) -> None:
        shop.progress(f"generating a repository of {services:,} services")
        make_history(folder, commits(services))

    generator = Path(workspaces.__file__).read_bytes()
    return Repository(shop.kept(f"fleet-{services}-{key(services, generator)}", make))


def _floors(setting: _Setting) -> Contenders:
    shop, clone = setting.shop, setting.repository.clone
    modules = shop.cache / "data" / f"imports-of-changed-{setting.services}.txt"
    for _ in range(2):  # the first time it may have to import what reads a repository for the first time
        modules.write_text("\n".join(imports_of(_OURS, clone, shop.environment())))
    difference = Command(("git", "diff", "--name-only", "HEAD~1", "HEAD"), clone)
    own = [names(setting.services)[number] for number in changed_services(setting.services)]
    shows = answer(own)
    version = f"git {machine.facts()['git']}"
    imports = shop.program("import_all", str(modules), folder=clone)
    nothing = replace(imports, argv=(imports.argv[0], "-c", "pass"))
    return [
        floor("git diff and imports", imports, difference, version=version, shows=shows),
        floor("git diff and python -c pass", nothing, difference, version=version, shows=shows),
        floor("git diff", difference, version=version, shows=shows),
    ]


def _turbo(setting: _Setting) -> Contenders:
    def command(installed: peers.Installed, clone: Path) -> Command:
        argv = (_native(installed, "@turbo/*/bin/turbo"), "ls", "--affected", "--output=json")
        compared = {"TURBO_SCM_BASE": "HEAD~1", "TURBO_SCM_HEAD": "HEAD"}
        return Command(argv, clone, {**compared, "TURBO_TELEMETRY_DISABLED": "1"})

    return [_peer(setting, "turbo", "turbo", command, (".turbo",))]


def _nx(setting: _Setting) -> Contenders:
    def command(installed: peers.Installed, clone: Path, *, daemon: bool) -> Command:
        # It runs only where it is found in the workspace.
        (clone / "node_modules").mkdir(exist_ok=True)
        link = clone / "node_modules" / "nx"
        link.unlink(missing_ok=True)
        link.symlink_to(installed.folder / "node_modules" / "nx")
        argv = _script(installed, "nx/dist/bin/nx.js")
        compared = ("show", "projects", "--affected", "--base=HEAD~1", "--head=HEAD")
        more = {**_NX, "NX_DAEMON": "true" if daemon else "false"}
        if daemon:
            atexit.register(_stop_daemon, (*argv, "daemon", "--stop"), clone, setting.shop.environment())
        return Command((*argv, *compared), clone, more)

    one = _peer(setting, "nx", "nx", partial(command, daemon=False), (".nx",))
    if setting.cold:  # a daemon that has nothing ready is the line above
        return [one]
    return [one, _peer(setting, "nx", "nx with its daemon", partial(command, daemon=True), ())]


def _stop_daemon(argv: Sequence[str], clone: Path, environment: Mapping[str, str]) -> None:
    if clone.is_dir():
        subprocess.run(
            argv, cwd=clone, env={**environment, **_NX}, capture_output=True, check=False, timeout=60
        )


def _moon(setting: _Setting) -> Contenders:
    def command(installed: peers.Installed, clone: Path) -> Command:
        argv = (_native(installed, "@moonrepo/core-*/moon"), "query", "affected", "--downstream", "deep")
        return Command(argv, clone, {"MOON_BASE": "HEAD~1", "MOON_HEAD": "HEAD"})

    return [_peer(setting, "moon", "moon", command, (".moon/cache",))]


def _lerna(setting: _Setting) -> Contenders:
    if setting.services > _LERNA_AT_MOST:
        reason = f"it takes over two minutes; changed-{_LERNA_AT_MOST} has it"
        return [Absent("lerna", "peer", reason)]

    def command(installed: peers.Installed, clone: Path) -> Command:
        argv = (*_script(installed, "lerna/dist/cli.js"), "ls", "--since", "HEAD~1")
        return Command(argv, clone, {**_NX, "NX_DAEMON": "false"})

    return [_peer(setting, "lerna", "lerna", command, ())]


def _peer(
    setting: _Setting,
    lock: str,
    name: str,
    command: Callable[[peers.Installed, Path], Command],
    caches: Sequence[str],
) -> Contender | Absent:
    """In a clone of its own: what one keeps in the work tree is not to be another's input."""
    shop = setting.shop
    try:
        installed = peers.install(lock, shop.cache / "peers", offline=shop.offline, progress=shop.progress)
        own = setting.repository.folder / f"clone-of-{name.replace(' ', '-')}"

        def make(folder: Path) -> None:
            git(folder, "clone", "--quiet", setting.repository.url, str(folder / "clone"))
            git(folder / "clone", "status")  # or the next one to look would hash what is as new as the index

        clone = made_once(own, make) / "clone"
        asked = command(installed, clone)
    except peers.NotInstallable as reason:
        return Absent(name, "peer", str(reason))
    before = _forget(clone, *caches) if setting.cold else None
    return Contender(name, "peer", installed.version, (asked,), setting.shows, before=before)


def _native(installed: peers.Installed, pattern: str) -> str:
    """Without the script round it, which would cost the start of a Node. Raises NotInstallable."""
    found = sorted((installed.folder / "node_modules").glob(pattern))
    if not found:
        raise peers.NotInstallable("its lock has no program for this machine")
    return str(found[0])


def _script(installed: peers.Installed, path: str) -> tuple[str, str]:
    if installed.node is None:
        raise peers.NotInstallable("node is not installed")
    return installed.node, str(installed.folder / "node_modules" / path)


def _forget(clone: Path, *folders: str) -> Callable[[], None]:
    def forget() -> None:
        for folder in folders:
            shutil.rmtree(clone / folder, ignore_errors=True)

    return forget


def _goals(services: int, *, cold: bool) -> tuple[Goal, ...]:
    """The best of the peers is beaten where each of them is."""
    if cold:
        return ()
    if services == COUNTS[0]:
        return tuple(Goal(1.0, name) for name in _PEERS)
    best = tuple(Goal(0.3, name) for name in _PEERS if name != "lerna")
    return (Goal(4.0, "git diff and imports"), *best)


ROWS = tuple(
    Row(
        f"changed-{services}{'-cold' if cold else ''}",
        f"which of {services:,} services a commit changes, {what}",
        partial(_contenders, services=services, cold=cold),
        goals=_goals(services, cold=cold),
        rounds=rounds,
    )
    for services in COUNTS
    for cold, what, rounds in ((False, "asked before", 7), (True, "never asked before", 5))
)
