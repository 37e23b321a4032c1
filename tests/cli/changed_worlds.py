"""A fleet for `release changed`: three services, a shared core that some of them need, and what dev runs."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

from release.adapters.artifacts_folder import FolderArtifacts
from release.adapters.clock import SystemClock
from release.adapters.git import GitRepo
from release.adapters.ledger import GitLedger
from release.cli.main import main
from release.core.manifest import Manifest, ServiceEntry
from release.core.records import Event, Holder, ReleaseRef, Served
from release.promotion import build_setup, read_setup
from release.wire import Wiring
from tests.cli.worlds import ACCOUNTS, ENVIRONMENTS, FLEET, FOLDER, SERVICE, TEMPLATE, Fleet

NAMES = ("auth", "auth-admin", "prices")


def service(name: str, *imports: str, **more: str) -> dict[str, str]:
    package = name.replace("-", "_")
    lines = "".join(f"{one}\n" for one in imports)
    configuration = SERVICE.replace("orders.handler", f"{package}.handler").replace("orders", name)
    return {
        f"services/{name}/service.yaml": configuration,
        f"services/{name}/template.yaml.j2": TEMPLATE,
        f"services/{name}/{package}/__init__.py": "",
        f"services/{name}/{package}/handler.py": f"{lines}def handler(event, context):\n    return 1\n",
        **more,
    }


FILES = {
    "pipelines/environments.yaml": ENVIRONMENTS.replace("ARTIFACTS", FOLDER),
    "pipelines/fleet.yaml": FLEET,
    "services/common/__init__.py": "",
    "services/common/log.py": "LEVEL = 'INFO'\n",
    "services/common/http.py": "from common.log import LEVEL\n",
    "services/common/unused.py": "",
    **service("auth", "from common import log"),
    **service("auth-admin"),
    **service("prices", "from common.http import LEVEL"),
}


class ChangedFleet(Fleet):
    """Its dev has run the first commit."""

    @classmethod
    def made(cls, folder: Path, files: dict[str, str] | None = None) -> "ChangedFleet":
        made = cls.with_files(folder, files or FILES)
        fleet = cls(made.folder)
        fleet.runs("dev", fleet.git("rev-parse", "HEAD"))
        return fleet

    def runs(self, stage: str, commit: str) -> str:
        """Record that a stage runs this commit, with the manifest that building it gives; its digest."""
        repo = GitRepo.open(self.clone)
        ledger = GitLedger(repo, SystemClock())
        setup = read_setup(repo, ledger, None)
        survey = Wiring(self.clone).survey(
            setup.pipelines, setup.pipeline, build_setup(repo, setup, commit), commit
        )
        entries = {
            name: ServiceEntry(
                artifact="a" * 64,
                content="c" * 64,
                fingerprint=view.fingerprint,
                size=1,
                runtime="python3.13",
                architecture="arm64",
                target="lambda",
                stages=view.stages,
            )
            for name, view in survey.views.items()
        }
        manifest = Manifest("fleet", commit, "lambda-release 0.1.0", entries)
        digest = FolderArtifacts(self.folder / "store").put(manifest.to_bytes(), kind="manifest")
        state = ledger.read()
        fence = state.head("fleet", stage).fence + 1
        served = Served("prices", f"prices-{stage}", ACCOUNTS[stage], "us-east-1")
        begun: dict[str, Any] = {
            "id": f"20261121T0950{fence:02d}Z-fleet-{stage}-{fence:08x}",
            "at": f"2026-11-21T09:50:{fence:02d}Z",
            "pipeline": "fleet",
            "stage": stage,
            "verb": "deploy",
            "release": ReleaseRef(commit, digest),
            "actor": "Test Person",
            "tool": "lambda-release 0.1.0",
            "fence": fence,
        }
        holder = Holder("elsewhere/boot", 4711, "1")
        state = ledger.append(
            state,
            Event(kind="started", holder=holder, next_by="2026-11-21T10:50:00Z", before=(served,), **begun),
        )
        after = replace(served, lambda_version="1", code="c" * 64)
        ledger.append(state, Event(kind="outcome", outcome="succeeded", after=(after,), **begun))
        return digest

    def move(self, old: str, new: str) -> None:
        (self.clone / new).parent.mkdir(parents=True, exist_ok=True)
        self.git("mv", old, new)


def answer(capsys: Any, at: Path, *arguments: str) -> dict[str, Any]:
    """The JSON of `release changed ARGUMENTS`, which must succeed."""
    capsys.readouterr()
    code = main(["-C", str(at), "changed", *arguments, "--json"])
    out, err = capsys.readouterr()
    assert code == 0, err
    document: dict[str, Any] = json.loads(out)
    return document
