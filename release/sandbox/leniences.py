"""What the sandbox takes, or answers, where AWS does not: known, and told wherever the sandbox vouches."""

from dataclasses import dataclass

_DOCS = "https://docs.aws.amazon.com/"
_LAMBDA = f"{_DOCS}lambda/latest/dg/"
_CLOUDWATCH = f"{_DOCS}AmazonCloudWatch/latest/monitoring/"
_STACKS = f"{_DOCS}AWSCloudFormation/latest/UserGuide/"


@dataclass(frozen=True, slots=True)
class Lenience:
    """`aws` is what AWS does, `sandbox` what the sandbox does instead; `source` documents what AWS does."""

    id: str
    aws: str
    sandbox: str
    source: str


LENIENCES: tuple[Lenience, ...] = (
    Lenience(
        "permissions",
        aws="every call needs a policy that allows it",
        sandbox="who is in an account may do everything there; only roles, bucket policies and Lambda's "
        "resource policies of other accounts are asked",
        source=f"{_DOCS}IAM/latest/UserGuide/reference_policies_evaluation-logic.html",
    ),
    Lenience(
        "platform-types",
        aws="budgets, sampling rules, anomaly monitors and selections of backups do what they are made for",
        sandbox="stacks may have them, and they are names and nothing more",
        source=f"{_DOCS}AWSCloudFormation/latest/TemplateReference/introduction.html",
    ),
    Lenience(
        "code-of-a-role",
        aws="Lambda reads code from S3 as the role that updates the function",
        sandbox="the bucket's policy is asked for the account of that role",
        source=f"{_DOCS}lambda/latest/api/API_UpdateFunctionCode.html",
    ),
    Lenience(
        "execution-role",
        aws="a function does what its execution role allows, and fails when that is deleted",
        sandbox="the role must exist when it is set and trust Lambda, without its conditions being read; the "
        "handler acts as the whole account",
        source=f"{_LAMBDA}lambda-intro-execution-role.html",
    ),
    Lenience(
        "new-role",
        aws="a role that has just been made cannot be assumed for some seconds",
        sandbox="it can be at once",
        source=f"{_DOCS}IAM/latest/UserGuide/troubleshoot.html",
    ),
    Lenience(
        "eventual-consistency",
        aws="an alias that was moved serves the old version for a moment more, lists lag behind",
        sandbox="everybody sees every change at once",
        source=f"{_LAMBDA}configuration-aliases.html",
    ),
    Lenience(
        "deprecated-runtimes",
        aws="functions are no longer made with, nor updated to, a runtime that has gone",
        sandbox="every name of a runtime that the API has known is taken",
        source=f"{_LAMBDA}lambda-runtimes.html",
    ),
    Lenience(
        "runtime-version",
        aws="a function runs on the version of Python or Node that its runtime names",
        sandbox="it runs on this machine's, and on its processor: the architecture is only kept",
        source=f"{_LAMBDA}lambda-runtimes.html",
    ),
    Lenience(
        "memory",
        aws="a handler that needs more memory or /tmp than it has is ended",
        sandbox="it takes what the machine has; the file system is not read-only either",
        source=f"{_LAMBDA}configuration-memory.html",
    ),
    Lenience(
        "network",
        aws="a function in a VPC reaches what the VPC reaches, and takes longer to become Active",
        sandbox="VPC settings are kept and change nothing; handlers reach what this machine reaches",
        source=f"{_LAMBDA}configuration-vpc.html",
    ),
    Lenience(
        "inactive",
        aws="a function that has not been called for weeks is Inactive, and its next call fails once",
        sandbox="no function becomes Inactive",
        source=f"{_LAMBDA}functions-states.html",
    ),
    Lenience(
        "failed-update",
        aws="an update may end with LastUpdateStatus Failed, while the old code goes on serving",
        sandbox="an update that was taken succeeds; a fault rule can refuse it, not fail it later",
        source=f"{_LAMBDA}functions-states.html",
    ),
    Lenience(
        "concurrency",
        aws="an account has 1000 concurrent executions, a function grows by 1000 in ten seconds",
        sandbox="a version has at most 8 processes, and waits 30 seconds for one before it throttles",
        source=f"{_LAMBDA}lambda-concurrency.html",
    ),
    Lenience(
        "provisioned-concurrency",
        aws="it takes minutes, puts weights on an alias that moves, and is counted by its own metrics",
        sandbox="it is READY at once and changes nothing",
        source=f"{_LAMBDA}provisioned-concurrency.html",
    ),
    Lenience(
        "code-storage",
        aws="all versions and layers of a region together may hold 75 GB",
        sandbox="nothing is counted",
        source=f"{_LAMBDA}gettingstarted-limits.html",
    ),
    Lenience(
        "request-burst",
        aws="15 control calls a second are allowed; how many at once is not said",
        sandbox="with rate_limit, as many at once as the rate of a second; other services have no limit",
        source=f"{_LAMBDA}gettingstarted-limits.html#api-requests",
    ),
    Lenience(
        "dead-letter-queue",
        aws="the queue or topic must exist, and the execution role may send to it",
        sandbox="it must only be of the same account and region",
        source=f"{_LAMBDA}invocation-async-retain-records.html",
    ),
    Lenience(
        "node-environment",
        aws="a Node handler has the SDK of its runtime and only Lambda's variables",
        sandbox="it has stand-ins for clients of the SDK and sees a few variables of the server; its zip is "
        "unpacked anew for each process",
        source=f"{_LAMBDA}lambda-nodejs.html",
    ),
    Lenience(
        "metrics-of-lambda",
        aws="every metric of Lambda",
        sandbox="Invocations, Errors, Throttles and Duration, with a point for each invocation",
        source=f"{_LAMBDA}monitoring-metrics-types.html",
    ),
    Lenience(
        "duration-of-a-cold-start",
        aws="Duration begins when the handler does: starting it is reported as its Init Duration",
        sandbox="Duration holds the start of the process as well",
        source=f"{_LAMBDA}lambda-runtime-environment.html",
    ),
    Lenience(
        "metric-statistics",
        aws="every statistic, and metrics kept by the second",
        sandbox="the plain ones, percentiles and TC with two numbers, kept by the minute; the rest "
        "is refused with ValidationError",
        source=f"{_CLOUDWATCH}Statistics-definitions.html",
    ),
    Lenience(
        "metric-math",
        aws="every function of metric math, over metrics of any periods, and queries in SQL",
        sandbox="arithmetic, comparisons, IF, FILL with a number or REPEAT, ABS, CEIL and FLOOR over metrics "
        "of one period; the rest is refused with ValidationError",
        source=f"{_CLOUDWATCH}using-metric-math.html",
    ),
    Lenience(
        "alarm-periods",
        aws="periods begin at full minutes, and an alarm is looked at once a minute",
        sandbox="periods end now, and an alarm is looked at every second",
        source=f"{_CLOUDWATCH}alarm-evaluation.html",
    ),
    Lenience(
        "anomaly-bands",
        aws="an alarm may compare with a band that was learned",
        sandbox="such an alarm never breaches",
        source=f"{_CLOUDWATCH}CloudWatch_Anomaly_Detection.html",
    ),
    Lenience(
        "stack-duration",
        aws="tables, APIs and roles take seconds to minutes in a stack",
        sandbox="all but functions and event source mappings are there at once",
        source=f"{_STACKS}cfn-console-create-stack.html",
    ),
    Lenience(
        "stack-names",
        aws="a stack fails on any resource whose name is taken",
        sandbox="it fails on buckets, functions, tables, and roles, users, groups and instance profiles of "
        "IAM; it takes over some other named resources",
        source=f"{_STACKS}troubleshooting.html",
    ),
    Lenience(
        "stack-properties",
        aws="a template is held to the schema of every resource before anything is made",
        sandbox="unknown properties of most resources are dropped",
        source=f"{_STACKS}validate-template.html",
    ),
    Lenience(
        "mapping-of-deleted-function",
        aws="a mapping whose function was deleted says so in LastProcessingResult and stays",
        sandbox="it stays, without saying so",
        source=f"{_LAMBDA}invocation-eventsourcemapping.html",
    ),
    Lenience(
        "checksums-of-parts",
        aws="CompleteMultipartUpload answers the checksum of the whole",
        sandbox="PutObject answers it; after a multipart upload only HeadObject and GetObject do",
        source=f"{_DOCS}AmazonS3/latest/userguide/checking-object-integrity.html",
    ),
    Lenience(
        "signatures",
        aws="a request with a wrong signature or an expired session is refused",
        sandbox="any secret is taken; the access key says the account",
        source=f"{_DOCS}IAM/latest/UserGuide/reference_sigv.html",
    ),
    Lenience(
        "log-pages",
        aws="FilterLogEvents gives 10,000 events at most, and a token for the next page",
        sandbox="it gives the first 10,000 and no token: ask for a shorter time, or for fewer streams",
        source=f"{_DOCS}AmazonCloudWatchLogs/latest/APIReference/API_FilterLogEvents.html",
    ),
    Lenience(
        "killed-state",
        aws="what was done stays done",
        sandbox="a sandbox that saves its state does so when it ends in peace; killed, it has what the last "
        "start found, and every object of S3. Metrics that have not come by then are lost",
        source=f"{_DOCS}AmazonS3/latest/userguide/DataDurability.html",
    ),
)
