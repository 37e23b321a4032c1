"""Signing a tag as `git tag -s` does, but without its ref: git has no plumbing for that.

What is called and with what comes from git's own gpg-interface.c and
https://git-scm.com/docs/git-config#Documentation/git-config.txt-gpgformat
"""

import re
import shlex
import tempfile
from pathlib import Path

from release.adapters.git.command import Commands
from release.adapters.git.failures import telling
from release.errors import Misconfigured

_SIGNATURE = re.compile(
    r"^-----BEGIN (?:PGP SIGNATURE|PGP MESSAGE|SIGNED MESSAGE|SSH SIGNATURE)-----", re.MULTILINE
)
_PROGRAMS = {"openpgp": "gpg", "x509": "gpgsm", "ssh": "ssh-keygen"}


def signature(git: Commands, payload: bytes) -> bytes:
    """What goes under a tag. Empty: the user does not sign tags (tag.gpgSign, tag.forceSignAnnotated).

    Raises Misconfigured when signing is asked for and fails: what should be signed is never made unsigned.
    """
    if not (_flag(git, "tag.gpgSign") or _flag(git, "tag.forceSignAnnotated")):
        return b""
    kind = _value(git, "gpg.format") or "openpgp"
    if kind not in _PROGRAMS:
        raise Misconfigured(f"git knows no gpg.format {kind}", fix="set gpg.format to openpgp, ssh or x509")
    program = _value(git, f"gpg.{kind}.program") or (
        _value(git, "gpg.program") if kind == "openpgp" else None
    )
    program = str(Path(program).expanduser()) if program else _PROGRAMS[kind]
    key = _value(git, "user.signingKey")
    return _by_ssh(git, program, key, payload) if kind == "ssh" else _by_gpg(git, program, key, payload)


def without_signature(message: str) -> str:
    """git takes the last line that begins like a signature for the start of it."""
    starts = [found.start() for found in _SIGNATURE.finditer(message)]
    return message[: starts[-1]] if starts else message


def _by_gpg(git: Commands, program: str, key: str | None, payload: bytes) -> bytes:
    # Without a key of their own, git looks for the one of the person's name and address.
    chosen = key or git.out("var", "GIT_COMMITTER_IDENT").decode().rpartition(">")[0] + ">"
    answer = git.run([program, "--status-fd=2", "-bsau", chosen], stdin=payload)
    if answer.status or "\n[GNUPG:] SIG_CREATED " not in "\n" + answer.err:
        raise _refused(program, answer.err)
    return answer.out.replace(b"\r\n", b"\n")


def _by_ssh(git: Commands, program: str, key: str | None, payload: bytes) -> bytes:
    key = key or _default_ssh_key(git)
    with tempfile.TemporaryDirectory(prefix="release-") as folder:
        signed = Path(folder, "tag")
        signed.write_bytes(payload)
        command = [program, "-Y", "sign", "-n", "git"]
        literal = key.removeprefix("key::")
        if literal != key or key.startswith("ssh-"):
            public = Path(folder, "key.pub")
            public.write_text(literal + "\n")
            command += ["-f", str(public)]  # a public key: ssh-keygen asks the agent
        else:
            command += ["-f", str(Path(key).expanduser())]
        answer = git.run([*command, str(signed)])
        made = Path(folder, "tag.sig")
        if answer.status or not made.exists():
            raise _refused(program, answer.err)
        return made.read_bytes().replace(b"\r\n", b"\n")


def _default_ssh_key(git: Commands) -> str:
    command = _value(git, "gpg.ssh.defaultKeyCommand")
    if command:
        answer = git.run(shlex.split(command))
        first = answer.out.decode(errors="replace").partition("\n")[0].strip()
        if answer.status == 0 and first:
            return first
    raise Misconfigured(
        "tags are to be signed with ssh, and no key is named",
        fix="git config user.signingKey ~/.ssh/id_ed25519.pub",
    )


def _flag(git: Commands, name: str) -> bool:
    return git.answer("config", "--type=bool", "--get", name).out.strip() == b"true"


def _value(git: Commands, name: str) -> str | None:
    return git.answer("config", "--get", name).out.decode(errors="replace").rstrip("\n") or None


def _refused(program: str, err: str) -> Misconfigured:
    said = "\n".join(line for line in err.splitlines() if not line.startswith("[GNUPG:] "))
    return Misconfigured(
        f"the tag could not be signed by {program}: {telling(said)}",
        fix="make the key of user.signingKey usable here, or set tag.gpgSign to false",
    )
