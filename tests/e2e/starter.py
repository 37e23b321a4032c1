"""Starts commands of the CLI as forks of a process that has imported it: imports are half of a command's CPU.

A fork is what `python -m release` would be, in all that tests look at: a process in a session and group of
its own, with its working directory, environment, streams, pid and time of start, which ends as Python ends.
Only the seed of hashes is one for all forks of a starter. Each connection to the socket is one command: in
comes a line of JSON; out go a line with its pid and, when it has ended, a line with its exit code (below 0:
the signal).
"""

import atexit
import gc
import importlib
import json
import os
import pkgutil
import runpy
import selectors
import signal
import socket
import sys
import threading
import time
from contextlib import suppress
from typing import Any

import release

# What the CLI imports while it works, from others.
_LATER = ("botocore.httpsession", "botocore.awsrequest", "git", "httpx", "jinja2", "rich.table", "yaml")
_NOT_OURS = ("release.sandbox", "release.__main__")


def main(path: str) -> None:
    """Serve until stdin ends. In a fork it returns, as the process that was asked for."""
    warm()
    callers: dict[int, socket.socket] = {}  # by the pid of their command
    woken, wakes = socket.socketpair()
    with (
        socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as listener,
        woken,
        wakes,
        selectors.DefaultSelector() as ready,
    ):
        listener.bind(path)
        listener.listen(64)
        for end in (woken, wakes):
            end.setblocking(False)
        signal.signal(signal.SIGCHLD, lambda _signal, _frame: None)
        signal.set_wakeup_fd(wakes.fileno())
        for what in (listener, woken, sys.stdin):
            ready.register(what, selectors.EVENT_READ)
        while True:
            for key, _ in ready.select():
                if key.fileobj is sys.stdin:
                    sys.exit()
                elif key.fileobj is woken:
                    woken.recv(4096)
                    told(callers)
                else:
                    caller, _address = listener.accept()
                    with caller.makefile("rb") as lines:
                        asked = json.loads(lines.readline())
                    pid = os.fork()
                    if pid == 0:
                        signal.set_wakeup_fd(-1)
                        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
                        for other in callers.values():
                            other.close()
                        become(caller, asked)
                        return
                    callers[pid] = caller


def warm() -> None:
    """Import what a command may need."""
    ours = pkgutil.walk_packages(release.__path__, "release.", onerror=lambda name: None)
    for name in (*(found.name for found in ours if not found.name.startswith(_NOT_OURS)), *_LATER):
        with suppress(Exception):  # the command that needs it shows why
            importlib.import_module(name)
    gc.collect()
    gc.freeze()  # or the first collection of each fork would copy every page


def told(callers: dict[int, socket.socket]) -> None:
    """Tell those whose command has ended."""
    while callers:
        pid, status = os.waitpid(-1, os.WNOHANG)
        if not pid:
            return
        with callers.pop(pid) as caller:
            caller.sendall(b"%d\n" % os.waitstatus_to_exitcode(status))


def become(caller: socket.socket, asked: dict[str, Any]) -> None:
    os.setsid()
    for descriptor, name, flags in (
        (0, os.devnull, os.O_RDONLY),
        (1, asked["out"], os.O_WRONLY),
        (2, asked["err"], os.O_WRONLY),
    ):
        opened = os.open(name, flags)
        os.dup2(opened, descriptor)
        os.close(opened)
    os.chdir(asked["cwd"])
    os.environ.clear()
    os.environ.update(asked["environment"])
    time.tzset()
    sys.path[0] = asked["cwd"]  # as `python -m` has it
    sys.argv[1:] = asked["words"]
    with caller:
        caller.sendall(b"%d\n" % os.getpid())


def end(code: int) -> None:
    """End as Python does, but for taking all apart that was imported: a fork would copy every page for that.

    Returns where the last words reach nobody: Python has its own end for that.
    """
    threading._shutdown()  # type: ignore[attr-defined]
    atexit._run_exitfuncs()
    with suppress(OSError):
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code & 0xFF)


if __name__ == "__main__":
    main(sys.argv.pop())
    try:
        runpy.run_module("release", run_name="__main__", alter_sys=True)
    except SystemExit as asked:
        if asked.code is None or isinstance(asked.code, int):
            end(asked.code or 0)
        raise
