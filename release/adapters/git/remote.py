"""The remote: one ls-remote to read it, fetches that write no ref, one atomic push."""

import re
from collections.abc import Iterable, Mapping, Sequence

from release.adapters.git.command import Answer, Commands
from release.adapters.git.failures import failure, lines, telling
from release.core import collector
from release.errors import Conflict, Misconfigured, ReleaseError, Unavailable
from release.ports import RefUpdate, RemoteRefs, RemoteTag

_SECONDS_TO_READ = 120
_STATUS = re.compile(r"([ +\-*!=])\t([^\t:]*):([^\t]+)\t(.*)")  # git-push(1), OUTPUT, --porcelain
_DONE = " *"

_MOVED = re.compile(
    r"fetch first|non-fast-forward|already exists|stale info|needs force|failed to update ref|lock ref"
    r"|failed to lock|atomic transaction failed|incorrect old value|updated since checkout",
    re.IGNORECASE,
)
_NAME_TAKEN = re.compile(
    r"exists; cannot (create|lock)|cannot lock ref .* there are still refs|name conflict", re.I
)
_UNKNOWN = re.compile(r"remote failure|failed to report status", re.IGNORECASE)
_TROUBLE = re.compile(r"internal server error|unpacker error|missing necessary objects|unpack", re.IGNORECASE)
# Said before anything is sent. A push that ends with other words may have arrived.
_NEVER_SENT = re.compile(
    r"could not resolve|connection refused|no route to host|unreachable|unable to access|failed to connect"
    r"|does not appear to be a git repository|authentication failed|could not read (username|password)"
    r"|terminal prompts disabled|permission denied|host key verification failed|repository .*not found"
    r"|src refspec|bad object|does not support|connect to host|invalid refspec|no such remote",
    re.IGNORECASE,
)


class Remote:
    """One named remote (or URL) of a clone."""

    def __init__(self, git: Commands, name: str) -> None:
        self._git = git
        self.name = name

    def refs(self) -> RemoteRefs:
        patterns = ("HEAD", "refs/heads/*", "refs/tags/*")
        answer = self._git.answer("ls-remote", "--symref", self.name, *patterns, timeout=_SECONDS_TO_READ)
        if answer.status:
            raise self._unread(answer)
        return _parse(answer.out)

    def fetch(self, wanted: Iterable[str], *how: str) -> None:
        """Objects of these refs or ids, and nothing else: no ref, no FETCH_HEAD, no tag is written."""
        answer = self._git.answer(
            "fetch",
            "--quiet",
            "--no-tags",
            "--no-write-fetch-head",
            "--refmap=",
            "--no-recurse-submodules",
            "--no-prune",
            "--no-prune-tags",
            "--no-auto-maintenance",
            *how,
            "--stdin",
            self.name,
            stdin="".join(f"{one}\n" for one in wanted).encode(),
        )
        if not answer.status:
            return
        if "find remote ref" in answer.err or "not our ref" in answer.err:
            raise Unavailable(
                f"the remote {self.name} no longer has what it had: {telling(answer.err)}",
                fix="run the same command again; if it stays, history on the remote was rewritten",
            )
        raise self._unread(answer)

    def push(self, updates: Sequence[RefUpdate], env: Mapping[str, str] | None = None) -> None:
        """All or nothing, by one `git push`; never again with weaker flags."""
        self._refuse_several_destinations()
        named = re.fullmatch(r"[\w./-]+", self.name)
        answer = self._git.answer(
            "push",
            "--atomic",
            "--porcelain",
            "--no-follow-tags",
            "--no-verify",
            "--no-signed",
            "--recurse-submodules=no",
            self.name,
            *(f"{update.new}:{update.ref}" for update in updates),
            env=env,
            # A clone made with --mirror may not name what it pushes.
            settings={f"remote.{self.name}.mirror": "false"} if named else {},
        )
        error = _judged(answer, updates)
        if error:
            raise self._unread(answer) if self._is_absent() else error

    def _unread(self, answer: Answer) -> ReleaseError:
        if self._is_absent():
            return Misconfigured(
                f"this repository has no remote named {self.name}",
                fix=f"git remote add {self.name} URL, or set RELEASE_REMOTE to the name of the one to use",
            )
        return failure(f"the remote {self.name} cannot be read", answer.err)

    def _is_absent(self) -> bool:
        if ":" in self.name or "/" in self.name:  # an address
            return False
        # `remote get-url` knows only of what the clone's own files configure, not of GIT_CONFIG_COUNT
        return self._git.answer("config", "--get-all", f"remote.{self.name}.url").status != 0

    def _refuse_several_destinations(self) -> None:
        urls = self._git.answer("remote", "get-url", "--push", "--all", self.name)
        if urls.status == 0 and len(urls.out.splitlines()) > 1:
            raise Misconfigured(
                f"the remote {self.name} has several push URLs, and a push to several is not atomic",
                fix=f"keep one `pushurl` of {self.name}, or set RELEASE_REMOTE to a remote with one",
            )


def _parse(out: bytes) -> RemoteRefs:
    head: str | None = None
    branches: dict[str, str] = {}
    objects: dict[str, str] = {}
    peeled: dict[str, str] = {}
    for line in out.decode("utf-8", "surrogateescape").split("\n"):
        # Patterns match the end of a name as well: refs/heads/x/HEAD comes with HEAD, and is none of these.
        object_id, _, tag = line.partition("\trefs/tags/")
        if tag:
            if tag.endswith("^{}"):
                peeled[tag[:-3]] = object_id
            else:
                objects[tag] = object_id
            continue
        object_id, _, ref = line.partition("\t")
        if ref.startswith("refs/heads/"):
            branches[ref[11:]] = object_id
        elif ref == "HEAD" and object_id.startswith("ref: refs/heads/"):
            head = object_id.removeprefix("ref: refs/heads/")
    with collector.at_rest():
        tags = {
            name: RemoteTag(name, object_id, peeled.get(name, object_id), name in peeled)
            for name, object_id in objects.items()
        }
    return RemoteRefs(head if head in branches else None, branches, tags)


def _judged(answer: Answer, updates: Sequence[RefUpdate]) -> ReleaseError | None:
    """What a push did. None: every ref is where it should be, moved by us."""
    states: dict[str, tuple[str, str]] = {}
    for line in answer.out.decode("utf-8", "replace").split("\n"):
        if shape := _STATUS.fullmatch(line):
            states[shape[3]] = (shape[1], shape[4])
    if answer.status == 0 and all(states.get(update.ref, "?")[0] in _DONE for update in updates):
        return None
    refused = {ref: why for ref, (flag, why) in states.items() if flag not in _DONE + "="}
    if refused:
        return _refused(refused, answer.err)
    same = [ref for ref, (flag, _) in states.items() if flag == "="]
    if same:
        return Conflict(
            f"{same[0]} is on the remote already, exactly as it was to be written",
            fix="run the same command again: it takes up what is there",
            details=[f"{ref}: {why}" for ref, (_, why) in states.items()],
        )
    if not states and answer.status > 0 and _NEVER_SENT.search(answer.err):
        return failure("the push did not reach the remote", answer.err)
    return _unknown(answer.err)


def _refused(refused: dict[str, str], err: str) -> ReleaseError:
    # Of an atomic push git names the culprit, and the others as victims of it.
    culprits = [ref for ref, why in refused.items() if "atomic push fail" not in why] or list(refused)
    ref, why = culprits[0], refused[culprits[0]]
    said = [line for line in lines(err) if not line.startswith(("error: failed to push", "hint:", "To "))][:8]
    cause = f"the remote refused {ref}: {why}"
    if _UNKNOWN.search(why):
        return _unknown(err)
    if taken := next((line for line in said if _NAME_TAKEN.search(line)), None):
        return Misconfigured(
            f"the remote refused {ref}: {taken}",
            fix="remove or rename on the remote the ref whose name is in the way",
            details=said,
        )
    if _MOVED.search(why):
        return Conflict(f"somebody else was faster: {cause}", fix="run the same command again", details=said)
    if _TROUBLE.search(why):
        return Unavailable(cause, fix="run the same command again", details=said)
    if "shallow" in why:
        return Misconfigured(cause, fix="git fetch --unshallow", details=said)
    rules = re.search(r"https?://\S+/rules\S*", err)
    return Misconfigured(
        cause,
        fix=f"allow this identity to write {ref} in the remote's ruleset, branch protection or hook"
        + (f": {rules[0]}" if rules else ""),
        details=said,
    )


def _unknown(err: str) -> Unavailable:
    return Unavailable(
        f"the connection broke during the push, and whether it arrived is unknown: {telling(err)}",
        fix="run the same command again: it reads the remote first, and takes up what is there",
        details=lines(err)[:5],
    )
