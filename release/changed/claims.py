"""The pipelines of a commit, as far as `changed` between two trees needs them.

Mostly that is which services belong to which pipeline, and nothing else. So the patterns of `services:` are
remembered by the id of the tree of `pipelines/`, and nothing is parsed. Nothing more is remembered of
pipelines: whatever acts reads its gates, rollouts and places from git (docs/decisions/0021).
"""

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from fnmatch import translate
from functools import cached_property
from hashlib import sha256
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Final, TypeAlias

from release.build.program import program_digest, source_digest

if TYPE_CHECKING:
    from release.core.models import Pipeline, Pipelines
    from release.ports import Repo

_KIND: Final = "claims"
_KEPT: Final = 50  # trees
# Which files decide what is in error: pipelines with an error are never remembered.
PROGRAM: Final = ("changed/claims.py", "observe.py", "config/*.py", "core/access.py", "core/alarms.py",
                  "core/collector.py", "core/freeze.py", "core/models.py", "core/names.py",
                  "core/recipients.py")  # fmt: skip

_Claims: TypeAlias = Mapping[str, Sequence[str]]  # pipeline -> patterns of its services


class Chosen:
    """The pipeline that is asked about, beside the others of its commit."""

    def __init__(self, repo: "Repo", commit: str, tree: str | None, name: str | None) -> None:
        """`tree` is that of `pipelines/`. None: it is read whole; where the commit has none, that of the work
        tree. Raises Misconfigured for every error in it, and where it has no pipeline `name`.
        """
        self._repo = repo
        self._commit = commit
        self._are_committed = False
        known = _recall(repo) if tree is not None else {}
        if tree is not None and tree in known:
            self._claims = known[tree]
        else:
            self._claims = {one: pipeline.services for one, pipeline in self.pipelines.pipelines.items()}
            if tree is not None and self._are_committed:
                _remember(repo, {**known, tree: self._claims})
        self.name = name if name is not None and name in self._claims else self._only(name)

    def services(self, names: Iterable[str]) -> Sequence[str]:
        """Those of the pipeline, sorted. Raises Misconfigured when two pipelines claim a service."""
        every = sorted(names)
        own: Sequence[str] = ()
        claimed: set[str] = set()
        for pipeline, patterns in self._claims.items():
            claims = re.compile("|".join(map(translate, patterns)) or r"(?!)").match
            found = [name for name in every if claims(name)]
            if not claimed.isdisjoint(found):
                from release.config import pipeline_services

                return pipeline_services(self.pipelines, every)[self.name]
            claimed.update(found)
            if pipeline == self.name:
                own = found
        return own

    @cached_property
    def pipelines(self) -> "Pipelines":
        """All of them, read whole; where the tree has none, those of the work tree."""
        from release.config import load_pipelines
        from release.observe import committed_pipelines, work_tree_pipelines

        texts = committed_pipelines(self._repo, self._commit, self._commit[:10])
        self._are_committed = bool(texts.files or texts.odd)
        if not self._are_committed:
            texts = work_tree_pipelines(self._repo.top)
        return load_pipelines(texts.files, texts.odd)

    @property
    def pipeline(self) -> "Pipeline":
        return self.pipelines.pipelines[self.name]

    def _only(self, name: str | None) -> str:
        if name is None and len(self._claims) == 1:
            return next(iter(self._claims))
        from release.config import pick_pipeline

        return pick_pipeline(self.pipelines, name).name


# -- what is remembered ----------------------------------------------------------------------------------


def _recall(repo: "Repo") -> dict[str, _Claims]:
    data = repo.recall(_KIND)
    try:
        document = json.loads(data) if data is not None else {}
        return document["trees"] if document.get("reader") == _reader() else {}
    except (ValueError, LookupError, TypeError, AttributeError, RecursionError):
        return {}


def _remember(repo: "Repo", trees: Mapping[str, _Claims]) -> None:
    kept = dict(list(trees.items())[-_KEPT:])
    text = json.dumps({"reader": _reader(), "trees": kept}, separators=(",", ":")).encode()
    repo.remember(_KIND, sha256(text).hexdigest(), text)


def _reader() -> str:
    """With the parser of YAML, found where it lies: importing it takes as long as git does."""
    parser = find_spec("yaml")
    return program_digest(*PROGRAM) + source_digest([Path(parser.origin)] if parser and parser.origin else [])
