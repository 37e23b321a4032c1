"""cfn-lint over every rendered template of a commit."""

from collections.abc import Iterator, Sequence
from typing import Protocol

from release.core.infra_lint import Finding, PlacedFinding, merged
from release.infra.committed import Committed, PlacedTemplates


class Linter(Protocol):
    def __call__(self, text: str, regions: Sequence[str]) -> Sequence[Finding]:
        """What is wrong with a rendered template in any of these regions."""


def lint(
    commit: Committed, templates: PlacedTemplates, linter: Linter, *, stage: str | None = None
) -> tuple[int, Sequence[PlacedFinding]]:
    """How many templates were looked at, and what was found. Raises Misconfigured where one cannot be
    rendered.
    """
    texts = list(commit.each(templates, stage))

    def found() -> Iterator[tuple[str, str, str, Finding]]:
        for one in texts:
            for finding in linter(one.text, one.stage.environment.regions):
                yield one.service, one.stage.name, one.place(finding.line), finding

    return len(texts), merged(found())
