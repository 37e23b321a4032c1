"""What it costs to load the services of a commit: git, parse, checks, models. In a clone where nothing was
loaded yet, and in one where the same commit was.
"""

import shutil
from dataclasses import replace
from functools import partial
from importlib import metadata
from pathlib import Path

from bench import machine
from bench.model import Command, Contender, Contenders, Goal, Row
from bench.repositories import PIPELINES, Repository, key, make_untagged, service_files
from bench.workshop import Workshop, floor

COUNTS = (100, 1_000, 5_000)
_SAYS = r"services in ([0-9.]+) s"


def _contenders(shop: Workshop, *, services: int, cold: bool) -> Contenders:
    def make(folder: Path) -> None:
        shop.progress(f"generating a repository of {services:,} services")
        make_untagged(folder, {**PIPELINES, **service_files(services)})

    repository = Repository(shop.kept(f"services-{services}-{key(services)}", make))
    place = shop.cache / "work" / f"configuration-{services}-{'cold' if cold else 'unchanged'}"
    fresh = partial(_fresh_clone, repository, place)
    fresh()
    shows = rf"^{services} services "
    cache = {"XDG_CACHE_HOME": str(place / "cache")}
    load = shop.program("load_configuration", folder=place / "clone", **cache)
    ours = Contender(
        "load of services",
        "ours",
        shop.version,
        (load,),
        shows,
        before=fresh if cold else None,
        says_seconds=_SAYS,
    )
    parse = floor(
        "CSafeLoader, no checks",
        shop.program("parse_yaml", ".", folder=repository.clone),
        version=f"PyYAML {metadata.version('pyyaml')}",
        shows=shows,
    )
    list_tree = Command(("git", "ls-tree", "-r", "-z", "HEAD", "services"), place / "clone")
    return [
        ours,
        replace(parse, says_seconds=_SAYS),
        floor("git ls-tree", list_tree, version=f"git {machine.facts()['git']}"),
        replace(ours, name="… as a whole process", says_seconds=None),
    ]


def _fresh_clone(repository: Repository, place: Path) -> None:
    """A clone without work tree in which nothing was ever loaded, and an empty cache of the user."""
    shutil.rmtree(place, ignore_errors=True)
    (place / "cache").mkdir(parents=True)
    shutil.copytree(repository.clone / ".git", place / "clone" / ".git")


def _goals(services: int, *, cold: bool) -> tuple[Goal, ...]:
    return (Goal(1.0 if cold else 0.2),) if services == COUNTS[-1] else ()


ROWS = tuple(
    Row(
        f"config-{state}-{services}",
        f"load {services:,} services, {what}",
        partial(_contenders, services=services, cold=cold),
        goals=_goals(services, cold=cold),
        rounds=11,
    )
    for state, what, cold in (
        ("cold", "never loaded before", True),
        ("unchanged", "nothing changed since the last time", False),
    )
    for services in COUNTS
)
