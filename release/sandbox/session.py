"""The Python side of the sandbox: start it, point programs at it, give it accounts and a remote, end it."""

import importlib.util
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterable, Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from release.errors import Misconfigured, Unavailable
from release.sandbox import git_remote, provision, server
from release.sandbox.doors import Doors
from release.sandbox.forge import client as forge_client
from release.sandbox.forge.client import Forge
from release.sandbox.options import DEFAULT_MAX_WARM, DEFAULT_SETTLE_SECONDS, Options

DEFAULT_ACCOUNT = "999999999999"
_SAVE_SECONDS = 60.0
# What of the caller's environment would win over, or add to, the sandbox's credentials and endpoint.
_REMOVED = (
    *("AWS_PROFILE", "AWS_DEFAULT_PROFILE", "AWS_SESSION_TOKEN", "AWS_SECURITY_TOKEN", "AWS_ROLE_ARN"),
    *("AWS_ROLE_SESSION_NAME", "AWS_WEB_IDENTITY_TOKEN_FILE", "AWS_CREDENTIAL_EXPIRATION"),
    *(
        "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI",
        "AWS_CONTAINER_CREDENTIALS_FULL_URI",
        "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS",
    ),
)


class Sandbox:
    """An AWS on loopback, as a child process with a root folder of its own.

    A context manager: it ends with the block. It also ends when this process does, however that ends.
    """

    def __init__(
        self,
        process: subprocess.Popen[bytes],
        endpoint: str,
        root: Path,
        *,
        temporary: bool,
        saves_state: bool = False,
        metric_lag_seconds: float = 0.0,
    ) -> None:
        self.endpoint = endpoint
        self.root = root
        self._process = process
        self._temporary = temporary
        self._saves_state = saves_state
        self._metric_lag_seconds = metric_lag_seconds
        self._doors = Doors(endpoint, log=str(root / server.LOG))
        self.forge = Forge(endpoint, self._doors)

    @classmethod
    def start(
        cls,
        *,
        root: Path | None = None,
        settle_seconds: float | None = None,
        rate_limit: float | None = None,
        metric_lag_seconds: float = 0.0,
        max_warm: int = DEFAULT_MAX_WARM,
        save_state: bool = False,
        enforce_policies: bool = False,
        function_log: bool = False,
    ) -> Self:
        """Starts a sandbox on a free port and returns when it answers.

        Without `root` it works in a temporary folder, removed at the end. `settle_seconds` is how long a
        function stays InProgress after an update, and an event source mapping Creating. `rate_limit` is how
        many calls of Lambda's control plane an account may make in a second and region, 15 on AWS; None is no
        limit. `metric_lag_seconds` is how long after its end an invocation is seen in CloudWatch. `max_warm`
        idle handler processes are kept. With `save_state` what is in it is there again when a sandbox is
        started with the same root, unless this one was killed. With `enforce_policies` a role's session may
        do what the policies of the role allow, and nothing else; the account's own key may do everything.
        With `function_log` what functions print is in `functions.log` of the root, a line for an invocation.

        Raises Misconfigured without the `sandbox` extra, for a value that cannot be and for a root that
        cannot be written, is damaged or was saved by another ministack; Conflict for one that another
        sandbox works with; Unavailable when it does not start.
        """
        options = Options(
            settle_seconds=DEFAULT_SETTLE_SECONDS if settle_seconds is None else settle_seconds,
            rate_limit=rate_limit,
            metric_lag_seconds=metric_lag_seconds,
            max_warm=max_warm,
            save_state=save_state,
            enforce_policies=enforce_policies,
            function_log=function_log,
        )
        if save_state and root is None:
            raise Misconfigured("a state is saved in a root that stays", fix="give the sandbox a root")
        needed = ("ministack", "hypercorn", "openapi_core")
        if missing := [name for name in needed if importlib.util.find_spec(name) is None]:
            raise Misconfigured(
                f"the sandbox is not installed: no module {' and '.join(missing)}",
                fix="pip install 'lambda-release[sandbox]'",
            )
        temporary = root is None
        folder = Path(tempfile.mkdtemp(prefix="release-sandbox-")) if root is None else server.prepared(root)
        try:
            process, endpoint = server.start(folder, options, temporary=temporary)
        except BaseException:
            if temporary:
                shutil.rmtree(folder, ignore_errors=True)
            raise
        return cls(
            process,
            endpoint,
            folder,
            temporary=temporary,
            saves_state=save_state,
            metric_lag_seconds=metric_lag_seconds,
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def stop(self) -> None:
        """Ends the server and every handler, and removes a temporary root. May be called again.

        Raises Unavailable where a state was to be saved and was not, also because the server was killed.
        """
        server.end(self._process, _SAVE_SECONDS if self._saves_state else server.STOP_SECONDS)
        if self._temporary:
            # The server removes it, unless it was killed.
            shutil.rmtree(self.root, ignore_errors=True)
        elif self._saves_state and self._process.returncode:
            self._saves_state = False
            raise Unavailable(
                f"the state in {self.root} was not saved: the next start goes on from where this one began",
                fix="see why in the log of the sandbox",
                see=str(self.root / server.LOG),
                details=server.last_lines(self.root),
            )

    def wait(self) -> None:
        """Returns when the server has ended, which it only does by itself when something went wrong."""
        self._process.wait()

    def environment(
        self, *, account: str = DEFAULT_ACCOUNT, base: Mapping[str, str] | None = None
    ) -> dict[str, str]:
        """A complete environment for a child process: `base` (this process's) with the sandbox for AWS and
        GitHub.

        `account` is the 12-digit AWS account whose root the child is; the sandbox takes it as an access key.
        """
        inherited = os.environ if base is None else base
        kept = {name: value for name, value in inherited.items() if not _is_removed(name)}
        return {
            **kept,
            "AWS_ENDPOINT_URL": self.endpoint,
            "AWS_ACCESS_KEY_ID": account,
            "AWS_SECRET_ACCESS_KEY": "sandbox",
            "AWS_REGION": "us-east-1",
            "AWS_DEFAULT_REGION": "us-east-1",
            "AWS_CONFIG_FILE": os.devnull,
            "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
            "AWS_EC2_METADATA_DISABLED": "true",
            # A proxy stays, since builds download through it; the sandbox is reached without.
            **{name: _with_loopback(kept.get(name)) for name in ("NO_PROXY", "no_proxy")},
            # What speaks to GitHub speaks to the forge, and cannot sign in unless `Forge.environment` is
            # added.
            **self.forge.addresses(),
            # Handlers run on this machine's Python, so artifacts have to be built for it.
            "RELEASE_BUILD_TARGET": "host",
            # Its CloudWatch is not as late as AWS's.
            "RELEASE_METRIC_LAG_SECONDS": f"{self._metric_lag_seconds:g}",
        }

    def provision(
        self,
        *,
        environments: Iterable[tuple[str, tuple[str, ...], str | None]],
        artifact_account: str,
        bucket_pattern: str,
    ) -> None:
        """Creates the artifact buckets, and the deploy role of each (account, regions, role ARN or None).

        Buckets stand in `artifact_account`, one for each region in use, named by `bucket_pattern` with
        `{region}`; they are versioned and readable for the environments' accounts. What exists already is
        left as it is.
        """
        provision.provision(
            self.endpoint,
            [provision.Environment(*environment) for environment in environments],
            artifact_account=artifact_account,
            bucket_pattern=bucket_pattern,
        )

    def remote(self, seed: Path | None = None) -> Path:
        """A new bare git remote under the root with HEAD on main; `seed`'s HEAD becomes its main.

        Raises Misconfigured when `seed` is not a git work tree with a commit.
        """
        return git_remote.create(self.root / "remotes", seed)

    def git_environment(self, remote: Path, base: Mapping[str, str] | None = None) -> dict[str, str]:
        """Additions to `base` (this process's environment): the remote "sandbox", which `release` uses."""
        return git_remote.environment(remote, os.environ if base is None else base)

    def faults(self, rules: Iterable[Mapping[str, Any]]) -> list[int]:
        """Puts these rules (fields of `fault_rules.FaultRule`) in the place of all before; their ids.

        Raises Misconfigured for a rule that cannot work.
        """
        return self._doors.set_faults(rules)

    def add_fault(self, rule: Mapping[str, Any]) -> int:
        """Adds a rule behind those in force; its id. Raises Misconfigured."""
        return self._doors.add_fault(rule)

    def remove_fault(self, fault_id: int) -> None:
        """Takes a rule out; calls that it holds go on. Raises Misconfigured for an id that is none."""
        self._doors.remove_fault(fault_id)

    def faults_in_force(self) -> list[dict[str, Any]]:
        """Each rule: `id`, `rule` as it was given, how many calls it `met`, how often it `fired`."""
        return self._doors.faults()

    def fired(self) -> list[dict[str, Any]]:
        """Each firing since all rules were replaced: the id `rule`, and the call or `stack` resource it met.

        With `when` "after" it is told once the call has been carried out.
        """
        return self._doors.fired()

    def calls(self) -> list[dict[str, Any]]:
        """Every AWS call so far (the last 100,000), in order: the fields of `calls.Call`, and how it ended.

        That is `status` (None: nobody was answered), `fault` (the id of the rule that met it) and `ended`.
        """
        return self._doors.calls()

    def forget_calls(self) -> None:
        self._doors.forget_calls()


def _is_removed(name: str) -> bool:
    # AWS_ENDPOINT_URL_S3 and its like win over AWS_ENDPOINT_URL.
    return name in _REMOVED or name in forge_client.REMOVED or name.startswith("AWS_ENDPOINT_URL")


def _with_loopback(no_proxy: str | None) -> str:
    return f"{no_proxy},127.0.0.1" if no_proxy else "127.0.0.1"
