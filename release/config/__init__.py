"""The three kinds of YAML -> frozen core models: where (environments), when (pipelines), what (services).

Takes the texts of files, or their blob ids and the port that reads them, and no folder: `pipelines/` comes
from the remote default branch, `services/` from the commit of a release. Parse (`yaml_source`) -> normalise
(`reader`) -> rules (beside what they rule). Small readers of our own and no pydantic: importing that takes as
long as reading some hundred services, and every message here names its file, line and path, and a way out.
"""

from collections.abc import Mapping
from typing import TypeAlias

from release.config.committed import load_committed
from release.config.membership import pick_pipeline, pipeline_services, unclaimed
from release.config.pipelines import load_pipelines
from release.config.problems import ConfigurationErrors, Problem
from release.config.services import load_services

SourceTexts: TypeAlias = Mapping[
    str, bytes
]  # repository path -> content: {"pipelines/environments.yaml": b"…"}

__all__ = [
    "ConfigurationErrors",
    "Problem",
    "SourceTexts",
    "load_committed",
    "load_pipelines",
    "load_services",
    "pick_pipeline",
    "pipeline_services",
    "unclaimed",
]
