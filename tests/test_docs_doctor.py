"""docs/doctor.md and the checks say the same."""

import re
from pathlib import Path

from release.core.doctor.findings import CHECKS

ROOT = Path(__file__).resolve().parent.parent
PAGE = (ROOT / "docs" / "doctor.md").read_text(encoding="utf-8")


def test_every_check_is_on_the_page_in_its_group_and_order_and_no_other_is() -> None:
    group, shown = "", []
    for line in PAGE.splitlines():
        if heading := re.fullmatch(r"\| \*\*(.+)\*\* \| \| \|", line):
            group = heading[1]
        elif row := re.fullmatch(r"\| `([a-z-]+)` \| (.+?) \| (.+) \|", line):
            shown.append((row[1], group, row[2]))

    assert shown == [(check.id, check.group, check.protects) for check in CHECKS.values()]


def test_every_check_names_a_page_that_there_is() -> None:
    for check in CHECKS.values():
        page, _, anchor = check.see.partition("#")
        if page.startswith("https://docs.github.com/"):
            continue
        text = (ROOT / page).read_text(encoding="utf-8")
        headings = [
            re.sub(r"[^a-z0-9 -]", "", line.lstrip("# ").lower()).strip().replace(" ", "-")
            for line in text.splitlines()
            if line.startswith("#")
        ]
        assert not anchor or anchor in headings, check.see
