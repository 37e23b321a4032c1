"""Slips that somebody could make in the workflows, by the promise that must notice them."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from tests.workflows.promises import Workflows

_RELEASE, _PROD, _BACK, _DEV, _WATCH, _CI = (
    "_release.yml", "promote-prod.yml", "rollback.yml", "deploy-dev.yml", "watch.yml", "ci.yml"
)  # fmt: skip
_BUILD, _PLAN, _GATE, _DEPLOY, _RECORD = (
    f"  {job}:\n" for job in ("build", "plan", "gate", "deploy", "record")
)


class Slip(NamedTuple):
    """`becomes` in the place of the first `was` behind `behind`."""

    name: str
    file: str
    behind: str
    was: str
    becomes: str

    def made_in(self, seen: Workflows) -> Workflows:
        text = seen.texts[self.file]
        at = text.index(self.behind)
        assert self.was in text[at:], f"{self.was} is not in {self.file}"
        return Workflows({**seen.texts, self.file: text[:at] + text[at:].replace(self.was, self.becomes, 1)})


SLIPS: Mapping[str, Sequence[Slip]] = {
    "jobs_wait_for_what_they_use": [
        Slip("the plan waits for no build", _RELEASE, _PLAN, "    needs: build\n", ""),
        Slip("the deploy waits for no gate", _RELEASE, _DEPLOY, "[plan, gate]", "[plan]"),
        Slip("the record waits for no deploy", _RELEASE, _RECORD, "[plan, deploy]", "[plan]"),
    ],
    "jobs_hold_the_least_that_they_work_with": [
        Slip("the build may write", _RELEASE, _BUILD, "contents: read", "contents: write"),
        Slip("the plan may write", _RELEASE, _PLAN, "contents: read", "contents: write"),
        Slip("the deploy cannot push", _RELEASE, _DEPLOY, "contents: write", "contents: read"),
        Slip("the record cannot say it", _RELEASE, _RECORD, "deployments: write", "deployments: read"),
    ],
    "nothing_is_granted_at_the_top_and_every_job_says_what_it_needs": [
        Slip("the gate has the default token", _RELEASE, _GATE, "    permissions: {}\n", ""),
        Slip("all is granted at the top", _RELEASE, "", "permissions: {}", "permissions: write-all"),
        Slip("the top of a button grants", _PROD, "", "permissions: {}", "permissions: read-all"),
    ],
    "a_caller_grants_what_the_jobs_need_and_no_more": [
        Slip("a caller grants more", _PROD, "", "contents: write", "packages: write\n      contents: write"),
        Slip("a caller grants too little", _PROD, "", "      id-token: write # sign in to AWS\n", ""),
    ],
    "only_the_comment_of_ci_may_write_and_only_of_a_branch_of_this_repository": [
        Slip("any job of ci may write", _CI, "  check:\n", "contents: read", "contents: write"),
        Slip(
            "a stranger's branch is commented",
            _CI,
            "",
            "github.event.pull_request.head.repo.full_name == github.repository",
            "true",
        ),
        Slip("a comment whatever came out", _CI, "", "needs.infra.outputs.differs == 'true'", "always()"),
    ],
    "every_file_starts_by_what_it_is_for": [
        Slip("a stranger's code gets our token", _CI, "", "  pull_request:\n", "  pull_request_target:\n"),
        Slip("nobody looks for drift", _WATCH, "", '    - cron: "47 5 * * *"\n', ""),
        Slip("nobody watches", _WATCH, "", '    - cron: "3-59/10 * * * *"\n', ""),
        Slip("a push to any branch promotes", _PROD, "", "on:\n", "on:\n  push:\n"),
    ],
    "what_runs_code_of_a_pull_request_has_no_token": [
        Slip(
            "checks get the token",
            _CI,
            "Lint, types, tests",
            "        env:\n",
            "        env:\n          GH_TOKEN: ${{ github.token }}\n",
        ),
    ],
    "hostile_words_reach_the_tools_whole_or_not_at_all": [
        Slip("a ref that is not quoted", _RELEASE, "promote)", '"--ref=$REF"', "--ref=$REF"),
        Slip("a reason that is not quoted", _RELEASE, "rollback)", '"--reason=$REASON"', "--reason=$REASON"),
        Slip("a reason that is run", _RELEASE, "promote)", '"--reason=$REASON"', '"$(eval echo $REASON)"'),
        Slip("words that are split again", _RELEASE, "release plan", '"${args[@]}"', "${args[*]}"),
        Slip(
            "a base that is not quoted",
            _CI,
            "kingfisher scan",
            '"--since-commit=$BASE"',
            "--since-commit=$BASE",
        ),
    ],
    "a_plan_is_asked_for_with_what_was_typed_and_nothing_where_nothing_was": [
        Slip("a stage that may be an option", _RELEASE, "release plan", '-- "$STAGE"', '"$STAGE"'),
        Slip("a reason that is lost", _RELEASE, "promote)", '"--reason=$REASON"', '"--reason="'),
        Slip("a plan that never fails", _RELEASE, "release plan", '-- "$STAGE"', '-- "$STAGE" || true'),
        Slip("a promotion of the newest commit", _RELEASE, "promote)", '[ -n "$REF" ]', "true"),
    ],
    "no_script_holds_an_expression": [
        Slip("a ref in a script", _RELEASE, "release build", '"--ref=$REF"', '"--ref=${{ inputs.ref }}"'),
    ],
    "what_people_type_reaches_scripts_by_the_environment_alone": [
        Slip("a reason in a name", _RELEASE, _GATE, "name: ${{ needs", "name: ${{ inputs.reason || needs"),
    ],
    "nothing_is_carried_out_but_a_plan_that_stands_and_was_approved": [
        Slip("a gate that was skipped", _RELEASE, _DEPLOY, "'skipped' && !inputs.approval", "'skipped'"),
        Slip("a gate that failed", _RELEASE, _DEPLOY, "needs.gate.result == 'success'", "true"),
        Slip("a cancelled run goes on", _RELEASE, _DEPLOY, "!cancelled()", "always()"),
        Slip("cancelled is not looked at", _RELEASE, _DEPLOY, "!cancelled() && ", ""),
        Slip("always true, as text", _RELEASE, _DEPLOY, "}}\n    runs-on", "}} .\n    runs-on"),
        Slip("a plan with a blocker", _RELEASE, _DEPLOY, " && needs.plan.outputs.go == 'true'", ""),
        Slip("a plan that failed", _RELEASE, _DEPLOY, "needs.plan.result == 'success' && ", ""),
        Slip("a dry run is carried out", _RELEASE, _DEPLOY, " && !inputs.dry_run", ""),
        Slip("a rollback needs no plan", _RELEASE, _DEPLOY, "== 'advance'", "!= 'promote'"),
    ],
    "what_runs_is_built_for_deployments_and_for_promotions_of_a_commit": [
        Slip("a dry run builds", _RELEASE, _BUILD, "!inputs.dry_run && ", ""),
        Slip("what is deployed is not built", _RELEASE, _BUILD, "inputs.action == 'deploy' || ", ""),
    ],
    "people_are_asked_about_a_plan_that_would_be_carried_out_and_no_other": [
        Slip("a dry run asks people", _RELEASE, _GATE, " && !inputs.dry_run", ""),
        Slip("nobody is asked", _RELEASE, _GATE, "inputs.approval", "!inputs.approval"),
    ],
    "a_plan_is_made_of_all_but_what_is_under_way_already": [
        Slip("a plan after a failed build", _RELEASE, _PLAN, "needs.build.result == 'success'", "true"),
        Slip("no plan where nothing was built", _RELEASE, _PLAN, " || needs.build.result == 'skipped'", ""),
    ],
    "a_button_hands_on_every_input_under_its_own_name": [
        Slip("a button that is always dry", _PROD, "", "dry_run: ${{ inputs.dry_run }}", "dry_run: true"),
        Slip("a button that is never dry", _PROD, "", "      dry_run: ${{ inputs.dry_run }}\n", ""),
        Slip("a rollback to anything", _BACK, "", "to: ${{ inputs.to }}", "to: ${{ inputs.reason }}"),
    ],
    "buttons_for_what_matters_ask_why_and_can_be_tried_dry": [
        Slip("prod asks for no reason", _PROD, "reason:", "required: true", "required: false"),
        Slip("a button is dry unless told", _PROD, "dry_run:", "default: false", "default: true"),
    ],
    "promotions_ask_for_approval_and_a_rollback_and_a_push_do_not": [
        Slip("prod asks nobody", _PROD, "", "action: promote\n", "action: promote\n      approval: false\n"),
        Slip("a rollback waits for a reviewer", _BACK, "", "      approval: false\n", ""),
        Slip("a promotion deploys", _PROD, "", "action: promote", "action: deploy"),
    ],
    "a_run_has_the_environment_of_its_stage": [
        Slip("prod with the roles of qa", _PROD, "", 'environment: "prod"', 'environment: "qa"'),
        Slip(
            "a rollback of prod alone", _BACK, "", 'environment: "${{ inputs.stage }}"', 'environment: "prod"'
        ),
    ],
    "only_the_deploy_job_queues_and_a_rollback_waits_for_no_promotion": [
        Slip(
            "the workflow queues as a whole", _RELEASE, "", "\njobs:\n", "\nconcurrency: release\n\njobs:\n"
        ),
        Slip("the gate holds the queue", _RELEASE, _GATE, "    needs:", "    concurrency: one\n    needs:"),
        Slip("a newer run ends one that deploys", _RELEASE, _DEPLOY, "progress: false", "progress: true"),
        Slip("what waits is dropped", _RELEASE, _DEPLOY, "      queue: max\n", ""),
        Slip("a rollback waits for promotions", _RELEASE, _DEPLOY, "-${{ inputs.action }}", ""),
        Slip("stages wait for each other", _RELEASE, _DEPLOY, "release-${{ inputs.environment }}", "release"),
    ],
    "a_button_queues_nothing_while_somebody_decides": [
        Slip("a newer push ends one that deploys", _DEV, "", "progress: false", "progress: true"),
        Slip("a button queues while people decide", _PROD, "", "\njobs:\n", "\nconcurrency: one\n\njobs:\n"),
    ],
    "actions_are_pinned_by_commit_with_their_version_beside": [
        Slip(
            "an action by its tag",
            _RELEASE,
            "",
            "actions/checkout@3d3c42e5aac5ba805825da76410c181273ba90b1 # v7.0.1",
            "actions/checkout@v7",
        ),
        Slip("somebody else's action", _CI, "", "actions/dependency-review", "strangers/dependency-review"),
        Slip("the reusable workflow of main", _PROD, "", "uses: $/", "uses: acme/lambdas/"),
    ],
    "a_clone_leaves_no_token_behind_and_has_the_whole_history": [
        Slip("a token stays in the clone", _RELEASE, _DEPLOY, "          persist-credentials: false\n", ""),
        Slip("a shallow clone", _WATCH, "", "          fetch-depth: 0\n", ""),
        Slip(
            "a clone of what a stranger says",
            _RELEASE,
            _BUILD,
            "fetch-depth: 0",
            "fetch-depth: 0\n          ref: x",
        ),
    ],
    "each_job_becomes_whom_its_environment_is_trusted_with": [
        Slip("the plan in the deploy's place", _RELEASE, _PLAN, "environment }}-plan\n", "environment }}\n"),
        Slip("the deploy asks again", _RELEASE, _DEPLOY, "environment }}\n", "environment }}-approval\n"),
        Slip("the gate has no reviewers", _RELEASE, _GATE, "environment }}-approval", "environment }}-plan"),
        Slip(
            "the build in no environment",
            _RELEASE,
            _BUILD,
            "    environment:\n      name: build\n      deployment: false\n",
            "",
        ),
        Slip("the record signs in to deploy", _RELEASE, "Record it", "ACCESS: plan", "ACCESS: deploy"),
        Slip("a deployment of another commit", _RELEASE, _DEPLOY, "deployment: false", "deployment: true"),
    ],
    "drift_is_looked_for_when_that_is_asked_and_nothing_else_is_done_then": [
        Slip("drift of every run", _RELEASE, "  drift:\n", "inputs.action == 'drift'", "always()"),
        Slip("a look that deploys", _RELEASE, _DEPLOY, " && inputs.action != 'drift'", ""),
        Slip("a look that never fails", _RELEASE, "Look for drift", '"$STAGE"', '"$STAGE" || true'),
        Slip("nobody hears of drift", _RELEASE, "Look for drift", " --tell", ""),
    ],
    "every_end_is_recorded_whatever_came_before_it": [
        Slip("a failure is not recorded", _RELEASE, _RECORD, "always() && ", ""),
        Slip("no record without the summary", _RELEASE, "Record it", "        if: ${{ always() }}\n", ""),
        Slip("only what serves is recorded", _RELEASE, _RECORD, "!= 'skipped'", "== 'success'"),
    ],
    "what_is_carried_out_is_what_was_planned_and_a_bake_is_no_failure": [
        Slip("a bake is a failure", _RELEASE, "", '"$code" -eq 7', '"$code" -eq 77'),
        Slip("every end is green", _RELEASE, "Carry it out", 'exit "$code"', "exit 0"),
        Slip("any plan is carried out", _RELEASE, "", ' "--expect-digest=$DIGEST"', ""),
        Slip("an advance applies", _RELEASE, "Carry it out", "= advance", "= advanced"),
    ],
    "each_word_of_a_step_is_the_one_that_it_says_it_is": [
        Slip("a digest of something else", _RELEASE, _DEPLOY, "outputs.digest", "outputs.release"),
        Slip(
            "approvals of any gate count",
            _RELEASE,
            "",
            "environment }}-approval\n        run",
            "stage }}\n        run",
        ),
        Slip(
            "whoever has asked approves", _RELEASE, _DEPLOY, "steps.approved.outputs.logins", "github.actor"
        ),
        Slip("every plan is as if approved", _RELEASE, _PLAN, "${{ inputs.approval && '(", "${{ true && '("),
    ],
    "a_step_runs_when_its_part_is_asked_for": [
        Slip("approvals of another attempt", _RELEASE, "", " && needs.plan.outputs.attempt == '1'", ""),
        Slip(
            "a rollout after a failed step", _RELEASE, "Carry it out", "\n", "\n        if: ${{ always() }}\n"
        ),
    ],
    "nothing_is_cached_and_no_job_runs_without_end": [
        Slip("a job without an end", _RELEASE, _DEPLOY, "    timeout-minutes: 180\n", ""),
        Slip("a job of six hours", _CI, "  repository:\n", "minutes: 180", "minutes: 360"),
        Slip(
            "a cache that others may fill", _CI, "Install Python", "with:\n", "with:\n          cache: pip\n"
        ),
    ],
    "secrets_are_named_one_by_one": [
        Slip("all secrets are handed on", _PROD, "", "    with:\n", "    secrets: inherit\n    with:\n"),
    ],
    "addresses_of_webhooks_reach_the_steps_that_tell_people_and_no_other": [
        Slip(
            "a secret for every step",
            _RELEASE,
            _BUILD,
            "steps:\n",
            "env: {A: '${{ secrets.A }}'}\n    steps:\n",
        ),
    ],
    "the_token_is_given_to_single_steps_and_git_asks_for_it_there": [
        Slip(
            "the token for every step",
            _RELEASE,
            _DEPLOY,
            "steps:\n",
            "env: {A: '${{ github.token }}'}\n    steps:\n",
        ),
        Slip(
            "the token for any host", _RELEASE, _DEPLOY, "credential.${{ github.server_url }}.", "credential."
        ),
    ],
    "steps_that_reach_the_remote_hold_the_token_and_no_others": [
        Slip(
            "the plan has no token",
            _RELEASE,
            "Plan\n        env",
            "          GH_TOKEN: ${{ github.token }}\n",
            "",
        ),
    ],
    "each_step_does_its_part_and_goes_on_only_where_it_may": [
        Slip(
            "a rollout that may fail", _RELEASE, "Carry it out", "\n", "\n        continue-on-error: true\n"
        ),
        Slip(
            "a job that may fail", _RELEASE, _RECORD, "    needs:", "    continue-on-error: true\n    needs:"
        ),
        Slip("scripts go on after an error", _RELEASE, "", "shell: bash\n", "shell: bash {0}\n"),
        Slip("the tool of somebody else", _RELEASE, _DEPLOY, "$/actions/setup", "$/actions/other"),
    ],
    "a_plan_goes_from_its_job_to_the_one_that_carries_it_out": [
        Slip("no plan is no error", _RELEASE, "Keep the plan", "found: error", "found: ignore"),
        Slip("the plan of any stage", _RELEASE, "Keep the plan", "plan-${{ inputs.environment }}", "plan"),
    ],
    "what_a_job_says_is_what_its_steps_have_said": [
        Slip("every plan goes on", _RELEASE, _PLAN, "go: ${{ steps.report.outputs.go }}", 'go: "true"'),
        Slip(
            "every attempt is the first",
            _RELEASE,
            _PLAN,
            "attempt: ${{ steps.report.outputs.attempt }}",
            'attempt: "1"',
        ),
    ],
    "jobs_run_on_a_named_version_of_linux": [
        Slip("a runner of anybody", _RELEASE, _DEPLOY, "ubuntu-24.04", "self-hosted"),
    ],
    "watch_looks_without_credentials_and_goes_on_with_each_stage_by_itself": [
        Slip("one stage ends the watch of all", _WATCH, "", "fail-fast: false", "fail-fast: true"),
        Slip("the watch promotes", _WATCH, "", "action: advance", "action: promote"),
        Slip("drift is looked for every ten minutes", _WATCH, "drift:", "schedule == '47", "schedule != '47"),
        Slip("the look for drift deploys", _WATCH, "", "action: drift", "action: deploy"),
        Slip("two watches at once", _WATCH, "", "|| 'watch' }}", "|| github.run_id }}"),
        Slip("drift waits for rollouts", _WATCH, "", "'watch-drift'", "'watch'"),
        Slip("the watch waits for approval", _WATCH, "", "approval: false", "approval: true"),
    ],
    "the_reusable_workflow_takes_what_its_contract_says": [
        Slip("nobody is asked by default", _RELEASE, "approval:\n", "default: true", "default: false"),
    ],
    "a_record_that_fails_is_red": [
        Slip("a record that never fails", _RELEASE, "release record", '-- "$STAGE"', '-- "$STAGE" || true'),
    ],
}
