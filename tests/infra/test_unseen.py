"""Violations planted by somebody who did not know the rules (unseen/README.md): each is still found."""

from pathlib import Path
from typing import Any

import pytest

from release.adapters.template_reader import read_template
from release.core.policies import judge

FOLDER = Path(__file__).parent / "unseen"
FOUND_BY = {
    "api-stage-without-access-log.json": "R0503",
    "api-tags-map-incomplete.yaml": "R0401",
    "bucket-acl-public-read.yaml": "R0202",
    "bucket-name-not-global.yaml": "R0403",
    "bucket-no-encryption.yaml": "R0101",
    "bucket-policy-public-read.yaml": "R0206",
    "bucket-public-access-behind-if.yaml": "R0201",
    "bucket-public-access-string-false.json": "R0201",
    "bucket-tls-deny-for-one-action.json": "R0203",
    "bucket-tls-deny-the-wrong-way-round.yaml": "R0203",
    "bucket-versioning-suspended.json": "R0304",
    "cors-any-origin.yaml": "R0901",
    "database-public.json": "R0209",
    "database-unencrypted.json": "R0109",
    "domain-old-tls.yaml": "R0210",
    "event-bus-for-everybody.json": "R0206",
    "function-alias-in-template.yaml": "R0701",
    "function-name-off-pattern.yaml": "R0402",
    "function-secret-in-environment.json": "R0703",
    "function-tag-missing.json": "R0401",
    "function-url-open.yaml": "R0704",
    "global-table-without-recovery.json": "R0301",
    "iam-action-behind-if.yaml": "R0601",
    "iam-action-by-split.json": "R0601",
    "iam-action-from-a-map.yaml": "R0601",
    "iam-action-from-a-parameter.yaml": "R0601",
    "iam-administrator-access.yaml": "R0604",
    "iam-effect-is-an-intrinsic.yaml": "R0601",
    "iam-managed-policy-service-wildcard.json": "R0601",
    "iam-not-action.json": "R0603",
    "iam-not-resource.yaml": "R0603",
    "iam-partial-wildcard-in-capitals.yaml": "R0601",
    "iam-pass-any-role.yaml": "R0606",
    "iam-question-mark-wildcard.yaml": "R0601",
    "iam-resource-star-by-join.json": "R0602",
    "iam-resource-star-in-sub.json": "R0602",
    "iam-statement-is-one-mapping.yaml": "R0601",
    "iam-trust-anyone.json": "R0206",
    "iam-trust-github-any-repository.yaml": "R0607",
    "iam-user-with-access-key.json": "R0608",
    "iam-whole-policy-behind-if.yaml": "R0601",
    "key-policy-anyone.yaml": "R0206",
    "key-rotation-string-false.yaml": "R0106",
    "layer-for-everybody.yaml": "R0206",
    "log-group-without-key-for-confidential-data.json": "R0107",
    "log-group-without-retention.yaml": "R0501",
    "mapping-alias-in-one-branch.yaml": "R0801",
    "mapping-on-a-numbered-version.json": "R0801",
    "mapping-on-bare-function.yaml": "R0801",
    "mapping-poison-batch.yaml": "R0805",
    "parameter-with-default-password.yaml": "R0108",
    "permission-every-action.yaml": "R0601",
    "permission-for-everybody.json": "R0605",
    "permission-without-source.yaml": "R0605",
    "queue-encryption-string-false.yaml": "R0103",
    "queue-inline-policy-anyone.yaml": "R0206",
    "queue-policy-anyone-sends.json": "R0206",
    "queue-policy-every-action.json": "R0601",
    "queue-redrive-behind-if.yaml": "R0807",
    "rule-target-bare-function.json": "R0801",
    "rule-target-without-dlq.yaml": "R0809",
    "secret-in-the-template.yaml": "R0108",
    "secret-without-deletion-policy.yaml": "R0302",
    "security-group-open-inline.json": "R0207",
    "security-group-open-v6.yaml": "R0207",
    "stream-mapping-without-destination.yaml": "R0803",
    "stream-unencrypted.yaml": "R0109",
    "table-encryption-behind-if.yaml": "R0102",
    "table-lost-on-replacement.yaml": "R0302",
    "table-recovery-string-false.json": "R0301",
    "tag-with-empty-value.yaml": "R0401",
    "topic-policy-anyone.yaml": "R0206",
    "topic-subscription-over-http.json": "R0208",
    "topic-without-key.yaml": "R0104",
}


@pytest.mark.parametrize(("name", "rule"), FOUND_BY.items(), ids=list(FOUND_BY))
def test_what_was_planted_is_found_where_it_is(name: str, rule: str) -> None:
    template: Any = read_template((FOLDER / name).read_text(), name)
    planted = template["Metadata"]["Planted"]["Resource"]

    found = {(one.policy.id, one.breach.path[1]) for one in judge(template)}

    assert (rule, planted) in found


def test_every_template_of_the_set_is_tried() -> None:
    files = {path.name for path in FOLDER.iterdir()} - {"README.md"}

    assert files == FOUND_BY.keys()
