"""Proof that the suite sees: with any one guard of the sandbox broken, the case named here turns red."""

import importlib.util
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

TOP = Path(__file__).parents[2]


@dataclass(frozen=True)
class Mutation:
    """In `file` of the sandbox `old` becomes `new`; the case (below tests/contract) must fail."""

    file: str
    old: str
    new: str
    case: str

    def __str__(self) -> str:
        return f"{self.file.removesuffix('.py')}: {self.case.partition('::')[2]}"


def never(file: str, old: str, case: str) -> Mutation:
    """The condition `old` (the rest of an `if`) never holds."""
    return Mutation(file, old, f"False and ({old})", case)


MUTATIONS = (
    # states and updates
    Mutation(
        "guards.py",
        "lambda _name: _in_progress(name) or update()",
        "lambda _name: update()",
        "test_states.py::test_no_update_starts_while_another_is_in_progress",
    ),
    Mutation(
        "guards.py",
        "if refusal := _in_progress(name) or emulator",
        "if refusal := emulator",
        "test_states.py::test_nothing_is_published_while_an_update_is_in_progress",
    ),
    never(
        "guards.py",
        'data.get("CodeSha256") not in (None, "", current.get("CodeSha256"))',
        "test_versions.py::test_a_version_is_published_only_of_the_code_that_was_asked_for",
    ),
    Mutation(
        "guards.py",
        'version.update(\n            State="Pending",',
        'version.update(\n            State="Active",',
        "test_states.py::test_a_new_version_is_pending_and_not_invoked_before_it_is_active",
    ),
    never(
        "guards.py",
        'version["Version"] in known',
        "test_versions.py::test_publishing_twice_without_a_change_gives_one_version",
    ),
    Mutation(
        "guards.py",
        'config.update(State="Active", StateReason="", StateReasonCode="")',
        "pass",
        "test_states.py::test_an_active_function_stays_active_and_serves_while_it_is_updated",
    ),
    Mutation(
        "guards.py",
        '                LastUpdateStatusReasonCode="",\n                RevisionId=str(uuid.uuid4()),\n',
        '                LastUpdateStatusReasonCode="",\n',
        "test_versions.py::test_the_revision_that_an_update_answers_goes_stale_when_it_settles",
    ),
    never(
        "guards.py",
        'data.get("DryRun")',
        "test_versions.py::test_a_dry_run_answers_the_digest_and_changes_nothing",
    ),
    Mutation(
        "guards.py",
        'version["config"].update(FunctionArn=arn, RevisionId=str(uuid.uuid4()), State="Pending")',
        "pass",
        "test_versions.py::test_an_update_that_publishes_answers_the_new_version",
    ),
    # what a function may be
    never(
        "function_rules.py",
        'role is None or role["Arn"] != arn or not _lets_lambda_in(role["AssumeRolePolicyDocument"])',
        "test_states.py::test_the_execution_role_exists",
    ),
    Mutation(
        "function_rules.py",
        "if not runtime or runtime in runtimes():",
        "if True:",
        "test_states.py::test_the_runtime_is_one_that_aws_has",
    ),
    *(
        never(
            "function_rules.py",
            guard,
            "test_states.py::test_settings_that_lambda_does_not_have_change_nothing",
        )
        for guard in (
            "int(value) > most",
            're.search(r"\\s", handler)',
            "reserved := sorted(variables.keys() & _RESERVED)",
            "len(measured.encode()) > _ENVIRONMENT_BYTES",
        )
    ),
    # lists
    Mutation(
        "listings.py",
        "if key not in _LEFT_OUT",
        "if key",
        "test_states.py::test_lists_omit_how_a_function_is",
    ),
    # aliases
    never(
        "aliases.py",
        'named and named != "$LATEST" and named not in versions',
        "test_aliases.py::test_routing_to_a_version_that_does_not_exist_is_refused",
    ),
    never(
        "aliases.py",
        'version == "$LATEST" or "$LATEST" in weights',
        "test_aliases.py::test_routing_that_is_not_between_two_published_versions_is_refused",
    ),
    never(
        "aliases.py",
        "len(weights) > 1",
        "test_aliases.py::test_routing_that_is_not_between_two_published_versions_is_refused",
    ),
    never(
        "aliases.py",
        "other == version",
        "test_aliases.py::test_routing_that_is_not_between_two_published_versions_is_refused",
    ),
    never(
        "aliases.py",
        "not 0 <= float(weight) <= 1",
        "test_aliases.py::test_routing_that_is_not_between_two_published_versions_is_refused",
    ),
    Mutation(
        "aliases.py",
        '("Role", "DeadLetterConfig")',
        '("DeadLetterConfig",)',
        "test_aliases.py::test_two_versions_of_an_alias_have_one_role",
    ),
    Mutation(
        "aliases.py",
        '("Role", "DeadLetterConfig")',
        '("Role",)',
        "test_aliases.py::test_two_versions_of_an_alias_have_one_dead_letter_setting",
    ),
    Mutation(
        "aliases.py",
        'refusal = _refusal_of_name(data.get("Name") or "") or _refusal(',
        "refusal = _refusal(",
        "test_aliases.py::test_the_name_of_an_alias_is_no_number",
    ),
    never(
        "aliases.py",
        'function is not None and alias_name not in function["aliases"]',
        "test_aliases.py::test_a_deleted_alias_is_gone_its_version_stays_and_deleting_again_does_no_harm",
    ),
    # invocations and measures
    Mutation(
        "invocation.py",
        "drawn -= float(weight)",
        "drawn -= 0.0",
        "test_invocations.py::test_a_canary_gets_its_share_and_says_which_version_it_was",
    ),
    Mutation(
        "invocation.py",
        'answered["X-Amz-Executed-Version"] = execution.version',
        "pass",
        "test_invocations.py::test_a_canary_gets_its_share_and_says_which_version_it_was",
    ),
    never(
        "invocation.py",
        'func["config"].get("State") == "Pending"',
        "test_states.py::test_a_new_version_is_pending_and_not_invoked_before_it_is_active",
    ),
    Mutation(
        "invocation.py",
        'dimension_sets.append({**by_resource, "ExecutedVersion": executed_version})',
        "pass",
        "test_measures.py::test_errors_of_a_canary_are_told_from_those_of_the_stable_version",
    ),
    Mutation(
        "invocation.py",
        "dimension_sets = [{}, by_function, by_resource]",
        "dimension_sets = [{}, by_function]",
        "test_measures.py::test_invocations_are_counted_by_function_resource_and_executed_version",
    ),
    never(
        "invocation.py",
        'result.get("throttle")',
        "test_measures.py::test_a_throttled_call_is_neither_an_invocation_nor_an_error",
    ),
    Mutation(
        "alarms.py",
        'if treatment == "breaching":',
        'if treatment == "no such":',
        "test_measures.py::test_an_alarm_without_data_is_what_it_was_told_to_be",
    ),
    Mutation(
        "alarms.py",
        'if not missing or treatment == "notBreaching":',
        "if not missing:",
        "test_measures.py::test_an_alarm_without_data_is_what_it_was_told_to_be",
    ),
    never(
        "alarms.py",
        'treatment == "ignore"',
        "test_measures.py::test_an_alarm_that_ignores_missing_data_stays_as_it_was",
    ),
    Mutation(
        "alarms.py",
        "if bad >= to_alarm:",
        "if bad:",
        "test_measures.py::test_an_alarm_of_m_out_of_n_periods_needs_as_many",
    ),
    never(
        "alarms.py",
        "len(names) > _MOST_NAMES",
        "test_measures.py::test_alarms_are_described_by_name_with_what_they_watch_and_since_when",
    ),
    never(
        "metrics.py",
        "len(queries) > _MOST_QUERIES",
        "test_measures.py::test_more_than_500_queries_are_refused",
    ),
    Mutation(
        "metrics.py",
        '"StartTime": start // _MINUTE * _MINUTE',
        '"StartTime": start',
        "test_measures.py::test_the_begin_of_a_window_is_rounded_down_to_the_minute_and_its_last_minute_is_whole",
    ),
    Mutation(
        "metric_statistics.py",
        "if above < value <= up_to",
        "if value <= up_to",
        "test_measures.py::test_a_trimmed_count_counts_the_values_in_a_range",
    ),
    Mutation(
        "rate_limits.py",
        'return "GetFunction"',
        'return "control plane"',
        "test_limits.py::test_get_function_and_invoke_do_not_draw_on_them",
    ),
    Mutation(
        "rate_limits.py",
        '"Retry-After": str(max(1, math.ceil(wait_seconds))),',
        "",
        "test_limits.py::test_control_calls_share_fifteen_a_second_and_the_rest_is_told_when_to_come_back",
    ),
    Mutation(
        "rate_limits.py",
        "key = (emulator.responses.get_account_id(), ",
        'key = ("", ',
        "test_limits.py::test_every_account_and_every_region_has_limits_of_its_own",
    ),
    Mutation(
        "rate_limits.py",
        "emulator.responses.get_region(), quota)",
        '"", quota)',
        "test_limits.py::test_every_account_and_every_region_has_limits_of_its_own",
    ),
    Mutation(
        "rate_limits.py",
        'json.loads(body or b"null")',
        "pass",
        "test_invocations.py::test_a_payload_that_is_no_json_is_refused",
    ),
    # accounts
    never(
        "identity.py",
        "not _trusts(role_arn, caller)",
        "test_identities.py::test_a_role_is_assumed_only_by_whom_it_trusts",
    ),
    Mutation(
        "code_access.py",
        "if caller == owner:",
        "if True:",
        "test_identities.py::test_lambda_takes_code_of_another_account_only_where_its_bucket_allows_it",
    ),
    # code in S3, buckets
    Mutation(
        "code_access.py",
        "if emulator.lambda_service._fetch_code_from_s3(bucket, key, version_id) is None:",
        "if False:",
        "test_buckets.py::test_code_that_is_not_there_changes_nothing",
    ),
    Mutation(
        "code_access.py",
        "{link.path}:{version}?{link.query}",
        "{link.path}?{link.query}",
        "test_buckets.py::test_the_code_of_a_version_can_be_downloaded",
    ),
    Mutation(
        "storage.py",
        'if endpoint_region not in (None, "us-east-1") and name in emulator.s3._buckets:',
        "if False:",
        "test_buckets.py::test_the_name_of_a_bucket_is_taken_everywhere",
    ),
    never(
        "storage.py",
        'status == 200 and stored and stored.get("checksums")',
        "test_buckets.py::test_the_checksum_that_an_object_was_put_with_is_answered",
    ),
    # event source mappings
    never(
        "mappings.py",
        'same_function and known["EventSourceArn"] == source_arn',
        "test_mappings.py::test_a_queue_is_mapped_to_an_alias_once",
    ),
    Mutation(
        "mappings.py",
        'return self._changing(answer, "Creating", enabled=is_true(data.get("Enabled", True)))',
        "return answer",
        "test_mappings.py::test_a_mapping_on_its_way_is_not_changed",
    ),
    never(
        "mappings.py",
        'known["State"] not in _SETTLED',
        "test_mappings.py::test_a_mapping_on_its_way_is_not_changed",
    ),
    never(
        "mappings.py",
        "before not in _SETTLED",
        "test_mappings.py::test_a_mapping_on_its_way_is_not_changed",
    ),
    # stacks
    never(
        "stacks.py",
        "name and name in taken",
        "test_change_sets.py::test_the_name_of_a_role_is_taken_in_every_region",
    ),
    Mutation(
        "stacks.py",
        'if known.get("StackStatus") == "ROLLBACK_COMPLETE":',
        "if False:",
        "test_change_sets.py::test_a_stack_whose_creation_failed_is_not_updated_only_deleted",
    ),
    Mutation(
        "stacks.py",
        '        _require(function_rules.refusal_of_new({**properties, "Code": code}))\n'
        "        _require(code_access.refusal_of(code))\n",
        "",
        "test_change_sets.py::test_a_failed_update_goes_back_to_what_was",
    ),
    Mutation(
        "identity.py",
        'replace(emulator.cloudformation_handlers, "_capabilities_enforced", (), lambda: True)',
        "pass",
        "test_change_sets.py::test_iam_resources_have_to_be_acknowledged",
    ),
)


@pytest.mark.parametrize("mutation", MUTATIONS, ids=str)
def test_the_guard_of_a_mutation_is_where_it_says(mutation: Mutation) -> None:
    assert (TOP / "release" / "sandbox" / mutation.file).read_text().count(mutation.old) == 1


@pytest.fixture(scope="module")
def copied(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The tool and its tests, compiled, in a folder in which one mutation after the other breaks a file."""
    copy = tmp_path_factory.mktemp("copy")
    for folder in ("release", "tests"):
        # What is compiled holds for a copy too: by the time and size of its source, which are copied with it.
        shutil.copytree(TOP / folder, copy / folder)
    for file in ("pyproject.toml", "dev.py"):
        shutil.copy(TOP / file, copy / file)
    assert pytest_of_cases(copy, "tests/contract", "--collect-only").returncode == 0
    return copy


@pytest.fixture
def broken(copied: Path, mutation: Mutation) -> Iterator[Path]:
    """The copy with this mutation in it, and without what was compiled of that file."""
    file = copied / "release" / "sandbox" / mutation.file
    text = file.read_text()
    try:
        rewrite(file, text.replace(mutation.old, mutation.new))
        yield copied
    finally:
        rewrite(file, text)


def rewrite(file: Path, text: str) -> None:
    file.write_text(text)
    # Within one second, a text of the same size would count as what was compiled.
    Path(importlib.util.cache_from_source(str(file))).unlink(missing_ok=True)


def pytest_of_cases(folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    """Without plugins: the cases need none, and imports are most of such a run."""
    alone = {"PYTHONPATH": str(folder), "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}
    return subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-x", "-p", "no:cacheprovider", *words],
        cwd=folder,
        env={**os.environ, **alone},
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.prove
@pytest.mark.parametrize("mutation", MUTATIONS, ids=str)
def test_a_broken_guard_turns_its_case_red(mutation: Mutation, broken: Path) -> None:
    path, _, case = mutation.case.partition("::")
    ran = pytest_of_cases(broken, f"tests/contract/{path}", "-k", f"{case} and not model")
    assert ran.returncode == 1, ran.stdout[-3000:]  # 1: tests ran and failed
    assert f"FAILED tests/contract/{mutation.case}" in ran.stdout
