"""The templates that `release new` renders, and repositories that it works in."""

import shutil
from collections.abc import Mapping
from pathlib import Path

from release.adapters.own_templates import of_workflows
from release.adapters.packaged import packaged_templates, shared_core
from release.adapters.service_templates import FolderServiceTemplates
from release.core.scaffold import BY_NAME, KindName
from release.sandbox.demo import pipelines
from tests.cli.worlds import Fleet

ROOT = Path(__file__).resolve().parents[2]
TAGS = ("--team", "backend", "--owner", "orders@acme.example", "--cost-center", "4711")
PIPELINES = {f"pipelines/{name}": text for name, text in pipelines().items()}
# what this repository has said to the tools, and what its services share
OURS = ("pyproject.toml", "services/conftest.py", "services/common")


def templates() -> FolderServiceTemplates:
    folder = packaged_templates() / "service"
    return FolderServiceTemplates(folder, shared_core(), of_workflows(folder).render)


def rendered(kind: KindName, name: str = "orders") -> Mapping[str, str]:
    known = BY_NAME[kind]
    words = {
        **{"team": "backend", "owner": "o@acme.example", "data_class": "internal", "cost_center": "4711"},
        **{
            "name": name,
            "package": name.replace("-", "_"),
            "kind": kind,
            "stages": ("dev", "prod"),
            "stage": "dev",
        },
        **{"what": known.what, "function": known.function, "timeout": known.timeout},
        **{"critical": known.critical, "table": known.table},
    }
    return templates().render(kind, words)


def another_team(folder: Path) -> Fleet:
    """A repository that has pipelines and nothing else."""
    return Fleet.with_files(folder, dict(PIPELINES))


def like_ours(folder: Path) -> Fleet:
    """A repository with the shared core and the strictness of this one."""
    fleet = another_team(folder)
    for name in OURS:
        place = fleet.clone / name
        place.parent.mkdir(parents=True, exist_ok=True)
        if (ROOT / name).is_dir():
            shutil.copytree(ROOT / name, place, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copyfile(ROOT / name, place)
    fleet.commit("feat: the shared core")
    fleet.push()
    return fleet
