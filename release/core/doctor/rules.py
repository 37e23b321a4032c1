"""GitHub's rules of refs: which of them hold for a ref, and what they ask."""

import re
from collections.abc import Collection, Iterable, Sequence
from functools import cache
from typing import Final

from release.core.forge.facts import RulesetFacts

_FOLDERS: Final = "/".join(("**", ""))


def covering(rulesets: Iterable[RulesetFacts], ref: str, default_branch: str) -> Sequence[RulesetFacts]:
    """Those that are in force for a ref, given by its full name."""
    kind = "tag" if ref.startswith("refs/tags/") else "branch"
    return [
        one
        for one in rulesets
        if one.target == kind
        and one.enforcement == "active"
        and any(_matches(pattern, ref, default_branch) for pattern in one.include)
        and not any(_matches(pattern, ref, default_branch) for pattern in one.exclude)
    ]


def _matches(pattern: str, ref: str, default_branch: str) -> bool:
    match pattern:
        case "~ALL":
            return True
        case "~DEFAULT_BRANCH":
            return ref == f"refs/heads/{default_branch}"
        case _:
            return _shape(pattern).fullmatch(ref) is not None


@cache
def _shape(pattern: str) -> re.Pattern[str]:
    """As fnmatch(3) with FNM_PATHNAME, which is what GitHub says it uses:
    https://docs.github.com/en/repositories/configuring-branches-and-merges-in-your-repository/managing-rulesets/creating-rulesets-for-a-repository#using-fnmatch-syntax
    """
    out, rest = "", pattern
    while rest:
        if rest.startswith(_FOLDERS):
            out, rest = out + "(?:[^/]+/)*", rest[3:]
        elif rest.startswith("**"):
            out, rest = out + "[^/]*", rest[2:]
        elif (found := re.match(r"\[!?[^\]/]+\]", rest)) is not None:
            inside = found[0][1:-1].replace("\\", "\\\\")
            out += f"[^{inside[1:]}]" if inside.startswith("!") else f"[{inside}]"
            rest = rest[found.end() :]
        else:
            out += {"*": "[^/]*", "?": "[^/]"}.get(rest[0], re.escape(rest[0]))
            rest = rest[1:]
    try:
        return re.compile(out)
    except re.error:  # a range that runs backwards matches nothing
        return re.compile(r"(?!)")


def asked_by(rulesets: Iterable[RulesetFacts]) -> frozenset[str]:
    """Every kind of rule among these."""
    return frozenset(rule for one in rulesets for rule in one.rules)


def evaded(rulesets: Sequence[RulesetFacts], rule: str) -> bool:
    """Whether somebody may bypass every one of these that asks for the rule."""
    asking = [one for one in rulesets if rule in one.rules]
    return bool(asking) and all(one.bypasses for one in asking)


def owned(codeowners: str, folder: str) -> bool:
    """Whether all of a folder (`pipelines/`) has owners by this file: the last line that matches wins.

    https://docs.github.com/en/repositories/managing-your-repositorys-settings-and-features/customizing-your-repository/about-code-owners
    """
    has = False
    for line in codeowners.splitlines():
        pattern, *owners = line.partition("#")[0].split() or [""]
        if pattern and _holds(pattern, folder.strip("/")):
            has = bool(owners)
    return has


def _holds(pattern: str, folder: str) -> bool:
    """Whether a pattern holds for every file of a folder of the top."""
    bare = pattern.strip("/")
    while bare.endswith(("/**", "/*")) and bare != "/*":
        if bare.endswith("/*") and not bare.endswith("/**"):
            return False  # files right in the folder, and none below
        bare = bare.removesuffix("/**")
    return bare in ("*", "**") or folder == bare or folder.startswith(f"{bare}/")


def unowned(codeowners: str | None, folders: Collection[str]) -> Sequence[str]:
    return [folder for folder in folders if codeowners is None or not owned(codeowners, folder)]
