"""What a commit's templates would change in AWS: each against the template that its stack has."""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

from release.core.infra_diff import Difference, Entry, StackDifference, compare_templates
from release.core.infra_expand import MARK
from release.core.infra_in_force import in_force
from release.core.models import Place, Stage
from release.core.snapshot import ALIAS_EXISTS, StackFacts
from release.errors import ReleaseError
from release.infra.committed import StackText, committed
from release.infra.difference import Tools
from release.observe import check_identity_anywhere
from release.ports import Functions, Stacks

DEPLOYED = "AWS"  # what stands in the place of the base
_IN_FLIGHT = 16


def deployed_difference(
    tools: Tools,
    functions: Functions,
    stacks: Stacks,
    *,
    pipeline: str | None,
    head: str,
    services: Sequence[str] = (),
    stage: str | None = None,
) -> Difference:
    """The stacks of `services` (none named: of all) in `stage` (None: in all), region by region.

    Two calls of CloudFormation for each stack, and nothing is written. A stage that cannot be read is a note;
    where none can be, that is raised.
    """
    commit = committed(tools.repo, head, pipeline=pipeline, services=services or None)
    notes: list[str] = []
    found: list[StackDifference] = []
    stages = commit.stages(stage)
    for one in stages:
        texts = list(commit.each(tools.templates, one.name))
        try:
            check_identity_anywhere(functions, one.environment)
            found += _stage(tools, stacks, one, texts)
        except ReleaseError as error:
            if len(notes) == len(stages) - 1:
                raise  # none at all can be read
            notes.append(f"{one.name} cannot be read: {error.cause}")
    if any(entry.action == "remove" for stack in found for entry in stack.entries):
        notes.append(
            "what is removed stays through a rollout; `release infra apply STAGE --allow-contract` takes it"
            " away afterwards"
        )
    return Difference(DEPLOYED, commit.commit, tuple(found), tuple(notes))


def _stage(
    tools: Tools, stacks: Stacks, stage: Stage, texts: Sequence[StackText]
) -> Sequence[StackDifference]:
    pairs = [(text, place) for text in texts for place in stage.environment.places]
    with ThreadPoolExecutor(_IN_FLIGHT, thread_name_prefix="stacks") as pool:
        facts = list(pool.map(lambda pair: stacks.stack(pair[1], pair[0].stack), pairs))
    grouped: dict[tuple[str, bool, str], StackDifference] = {}
    for (text, place), there in zip(pairs, facts, strict=True):
        if there is not None and there.body == text.text:
            continue
        entries = _entries(tools, text, place, there)
        is_new = there is None or not there.body
        if not entries and not is_new:
            continue
        key = (text.service, is_new, repr(entries))  # values are mappings, which are no keys
        if key in grouped:
            grouped[key] = replace(grouped[key], regions=(*grouped[key].regions, place.region))
        else:
            grouped[key] = StackDifference(
                text.service, stage.name, text.stack, (place.region,), is_new, entries
            )
    return list(grouped.values())


def _entries(tools: Tools, text: StackText, place: Place, there: StackFacts | None) -> tuple[Entry, ...]:
    parameters = there.parameters if there is not None else {ALIAS_EXISTS: "false"}
    new = in_force(tools.read(text.text, text.stack), parameters, place, text.stack)
    old = None
    if there is not None and there.body:
        body = tools.read(there.body, f"stack {text.stack} in {place}")
        old = in_force(body, parameters, place, text.stack)
    found = compare_templates(old, new, tools.create_only)
    return tuple(entry for entry in found if (entry.section, entry.name) != ("Outputs", MARK))
