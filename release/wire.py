"""The one place where adapters are created and joined. Nothing heavy is imported before it is needed."""

import contextlib
import os
import shutil
from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import timedelta
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from release import __version__
from release.errors import Misconfigured, ReleaseError

if TYPE_CHECKING:
    from release.adapters.aws import Aws
    from release.adapters.cfn_lint import CfnLint
    from release.adapters.local_cloud import LocalCloud
    from release.adapters.reports import HtmlReports
    from release.adapters.templates import CloudFormationTemplates
    from release.apply.work import Tools, Who
    from release.build.builder import Builder
    from release.build.release_build import BuildResult
    from release.build.survey import Survey
    from release.build.target import Target
    from release.build.verify import Check
    from release.core.access import Access
    from release.core.eyes import Asker, Asking
    from release.core.infra_diff import CreateOnly
    from release.core.infra_values import Document, Template
    from release.core.manifest import Manifest
    from release.core.models import Pipeline, Pipelines, Place, Service
    from release.ports import (
        Artifacts,
        Clock,
        Forge,
        Functions,
        Holders,
        LedgerChain,
        Metrics,
        Notifier,
        Programs,
        Progress,
        Repo,
        Stacks,
    )
    from release.ports.removal import Removal
    from release.ports.surroundings import Surroundings
    from release.ports.workplace import AwsSetup, Machine

TOOL = f"lambda-release {__version__}"
_LONGEST_LAG_SECONDS = 86_400


class Wiring:
    """Adapters for one run of the CLI in one folder, made when first asked for."""

    def __init__(self, directory: Path, environ: Mapping[str, str] = os.environ) -> None:
        self._directory = directory
        self._environ = environ

    @cached_property
    def repo(self) -> "Repo":
        from release.adapters.git import GitRepo

        return GitRepo.open(self._directory)

    @cached_property
    def clock(self) -> "Clock":
        from release.adapters.clock import SystemClock

        return SystemClock()

    @cached_property
    def ledger(self) -> "LedgerChain":
        from release.adapters.ledger import GitLedger

        return GitLedger(self.repo, self.clock)

    @cached_property
    def forge(self) -> "Forge":
        from release.adapters.github import GitHubForge

        return GitHubForge.found(self._environ, self.repo.remote_url(), self.clock)

    @cached_property
    def holders(self) -> "Holders":
        from release.adapters.holders import ProcessHolders

        return ProcessHolders(self._environ, lambda run: self.forge.runs.run(run, at_once=True))

    @cached_property
    def _aws(self) -> "Aws":
        from release.adapters.aws import Aws, GitHubJob, session_name

        return Aws(
            access=self._access,
            job=GitHubJob.of(self._environ),
            session_name=session_name(self._environ),
        )

    @property
    def _access(self) -> "Access | None":
        """What this process may do at most; RELEASE_ACCESS says it. Raises Misconfigured."""
        from release.core.access import read_access

        return read_access(self._environ)

    @property
    def aws_setup(self) -> "AwsSetup":
        from release.adapters.aws_setup import AwsAccounts

        return AwsAccounts(self._aws, self._access)

    @property
    def machine(self) -> "Machine":
        from release.adapters.machine import LocalMachine

        return LocalMachine(self._directory)

    @cached_property
    def functions(self) -> "Functions":
        from release.adapters.lambda_functions import LambdaFunctions

        return LambdaFunctions(self._aws)

    @cached_property
    def stacks(self) -> "Stacks":
        from release.adapters.stacks import CloudFormationStacks

        return CloudFormationStacks(self._aws)

    @property
    def surroundings(self) -> "Surroundings":
        from release.adapters.surroundings import AwsSurroundings

        return AwsSurroundings(self._aws)

    @property
    def removal(self) -> "Removal":
        from release.adapters.removal import AwsRemoval

        return AwsRemoval(self._aws)

    @cached_property
    def metrics(self) -> "Metrics":
        from release.adapters.cloudwatch import DEFAULT_LAG, CloudWatchMetrics

        return CloudWatchMetrics(self._aws, lag=self._metric_lag(DEFAULT_LAG))

    def _metric_lag(self, default: timedelta) -> timedelta:
        given = self._environ.get("RELEASE_METRIC_LAG_SECONDS")
        if given is None:
            return default
        try:
            seconds = float(given)
        except ValueError:
            seconds = -1.0
        if not 0 <= seconds <= _LONGEST_LAG_SECONDS:
            raise Misconfigured(
                f"RELEASE_METRIC_LAG_SECONDS is {given!r}",
                fix=f"set it to a number from 0 to {_LONGEST_LAG_SECONDS}, or unset it: then it is "
                f"{default.total_seconds():.0f}",
            )
        return timedelta(seconds=seconds)

    @cached_property
    def programs(self) -> "Programs":
        from release.adapters.programs import CheckoutPrograms

        return CheckoutPrograms(self.repo, self._aws, self._environ)

    def artifacts(self, pipelines: "Pipelines") -> "Artifacts":
        """The artifact store that the configuration names."""
        from release.core.models import BucketStore, FolderStore, Place

        match pipelines.artifacts:
            case FolderStore(folder=folder):
                from release.adapters.artifacts_folder import FolderArtifacts

                return FolderArtifacts(self.repo.top / folder)
            case BucketStore(account=account, bucket=bucket) as store:
                from release.adapters.artifacts_s3 import S3Artifacts

                role = store.role_for(self._access)

                def client(region: str) -> Any:
                    return self._aws.client(Place(account, region, role), "s3")

                return S3Artifacts(client, bucket, pipelines.regions, owner=account)

    def tools(self, pipelines: "Pipelines") -> "Tools":
        from release.apply.work import Tools

        return Tools(
            functions=self.functions,
            stacks=self.stacks,
            metrics=self.metrics,
            artifacts=self.artifacts(pipelines),
            repo=self.repo,
            ledger=self.ledger,
            holders=self.holders,
            clock=self.clock,
            programs=self.programs,
            notifier=self.notifier(pipelines),
            read_document=self._read_document,
            create_only=lambda: self.create_only,
        )

    def notifier(self, pipelines: "Pipelines") -> "Notifier":
        """Whoever wants to know of what happens, as the configuration names them."""
        from release.adapters.notifications import Notifications

        return Notifications(self._aws, pipelines.recipients, self._environ, site=self._site)

    def _site(self) -> str | None:
        """The repository's address for people. None: it is on no GitHub that we know of."""
        from release.adapters.github.credentials import home_of

        with contextlib.suppress(ReleaseError):
            return home_of(self._environ, self.repo.remote_url()).url
        return None

    def build(
        self,
        artifacts: "Artifacts",
        pipelines: "Pipelines",
        pipeline: "Pipeline",
        services: "Mapping[str, Service]",
        commit: str,
        progress: "Progress",
        *,
        base: Sequence[str] = (),
        refill: bool = False,
        whole: bool = True,
    ) -> "BuildResult":
        """Build one commit, unless it was built before. Arguments as `build_release` has them."""
        from release.build.dependencies import user_cache
        from release.build.release_build import build_release

        return build_release(
            self.repo,
            artifacts,
            pipeline=pipeline,
            services=services,
            commit=commit,
            alias=pipelines.alias,
            target=self.build_target,
            builder=self._builder(user_cache(self._environ), progress),
            templates=self.templates,
            progress=progress,
            base=base,
            refill=refill,
            whole=whole,
        )

    def build_again(
        self,
        artifacts: "Artifacts",
        manifest: "Manifest",
        services: "Mapping[str, Service]",
        progress: "Progress",
    ) -> "tuple[Check, ...]":
        """Build a release again, with no cache of results, and compare."""
        from release.build.target import Target
        from release.build.verify import verify_release

        return verify_release(
            self.repo,
            artifacts,
            manifest,
            services,
            host=Target.named("host"),
            builder=self._builder(None, progress),
            progress=progress,
        )

    def _builder(self, cache: Path | None, progress: "Progress") -> "Builder":
        from release.build.any_service import ServiceBuilder
        from release.build.installer import Installation, uv_install

        def install(asked: Installation, into: Path) -> None:
            progress("install", {"lock": asked.file})
            uv_install(asked, into)

        return ServiceBuilder(cache, install)

    @property
    def reports(self) -> "HtmlReports":
        from release.adapters.packaged import packaged_templates
        from release.adapters.reports import HtmlReports

        return HtmlReports(packaged_templates() / "audit")

    def survey(
        self,
        pipelines: "Pipelines",
        pipeline: "Pipeline",
        services: "Mapping[str, Service]",
        commit: str,
        stages: Collection[str] | None = None,
    ) -> "Survey":
        """Fingerprints and rendered documents of a commit, without building; of these stages, or of all."""
        from release.build.survey import survey

        return survey(
            self.repo,
            commit=commit,
            pipeline=pipeline,
            services=services,
            alias=pipelines.alias,
            target=self.build_target,
            templates=self.templates,
            stages=stages,
        )

    @cached_property
    def templates(self) -> "CloudFormationTemplates":
        from release.adapters.packaged import packaged_macros
        from release.adapters.templates import CloudFormationTemplates

        return CloudFormationTemplates(packaged_macros())

    def local_cloud(self, endpoint: str, place: "Place") -> "LocalCloud":
        """The AWS of a sandbox on this machine, and no other."""
        from release.adapters.aws.sandboxed import SandboxAws
        from release.adapters.lambda_functions import LambdaFunctions
        from release.adapters.local_cloud import LocalCloud
        from release.adapters.stacks import CloudFormationStacks

        aws = SandboxAws(endpoint, place.account)
        return LocalCloud(aws, place, stacks=CloudFormationStacks(aws), functions=LambdaFunctions(aws))

    @property
    def template_linter(self) -> "CfnLint":
        from release.adapters.cfn_lint import CfnLint

        return CfnLint()

    @property
    def read_template(self) -> "Callable[[str, str], Template]":
        """Text of a template and whose it is -> the template."""
        from release.adapters.template_reader import read_template

        return read_template

    @staticmethod
    def _read_document(text: str, of: str) -> "Document":
        from release.adapters.template_reader import read_document

        return read_document(text, of)

    @cached_property
    def create_only(self) -> "Mapping[str, CreateOnly]":
        """By type of resource: the properties that only a new one can have."""
        from release.adapters.resource_types import create_only

        return create_only()

    @property
    def build_target(self) -> "Target":
        """What artifacts are built for: RELEASE_BUILD_TARGET, `lambda` (default) or `host`."""
        from release.build.target import Target

        return Target.named(self._environ.get("RELEASE_BUILD_TARGET", "lambda"))

    def who(self) -> "Who":
        """A forge login where a run or a token says it; else the git user name, which proves nothing."""
        from release.apply.work import Who
        from release.core.eyes import asker_in

        login = None if self._environ.get("GITHUB_ACTOR") else self._login
        actor = self._environ.get("GITHUB_ACTOR") or login or self.repo.person()
        run = self._environ.get("GITHUB_RUN_ID")
        attempt = self._environ.get("GITHUB_RUN_ATTEMPT", "1")
        approvers = tuple(sorted(asker_in(self._environ).approvers))
        known: Literal["token"] | None = "token" if login else None
        return Who(actor, f"{run}.{attempt}" if run else None, TOOL, approvers, known)

    def asking(self) -> "Asking":
        """Who asks, as far as it can be proven, and when."""
        from release.core.eyes import NOBODY, Asking, asker_by_token, asker_in, pushes_by_job_token

        def asker() -> "Asker":
            found = asker_in(self._environ)
            is_job = self._environ.get("GITHUB_ACTIONS") == "true"
            return found if is_job or found != NOBODY else asker_by_token(self._login)

        return Asking(asker, self.clock.now(), pushes_by_job_token(self._environ))

    @cached_property
    def _login(self) -> str | None:
        """Whose token there is, on a laptop. None: no person's, or GitHub cannot be asked just now."""
        has_token = self._environ.get("GH_TOKEN") or self._environ.get("GITHUB_TOKEN") or shutil.which("gh")
        if self._environ.get("GITHUB_ACTIONS") == "true" or not has_token:
            return None
        with contextlib.suppress(ReleaseError):
            return self.forge.login(at_once=True)
        return None

    @property
    def in_ci(self) -> bool:
        return self._environ.get("CI", "").lower() in ("1", "true", "yes")
