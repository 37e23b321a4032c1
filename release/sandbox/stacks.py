"""CloudFormation around Lambda functions: waits until a function is stable, fails where code cannot be read.

ministack changes a function on its event loop and returns at once, so nothing could wait there without
stopping the server. Its CloudFormation also writes past the APIs that it calls on AWS, so what they refuse is
asked here again.
"""

import json
from collections.abc import Callable, Mapping
from typing import Any

from release.sandbox import code_access, emulator, function_rules, guards, mappings, storage
from release.sandbox.compatibility import replace, replace_entry
from release.sandbox.emulator import Answer
from release.sandbox.faults_in_force import FaultRules
from release.sandbox.mappings import Mappings
from release.sandbox.replacements import REPLACED_BY

_FUNCTION = "AWS::Lambda::Function"
_MAPPING = "AWS::Lambda::EventSourceMapping"
_TABLE = "AWS::DynamoDB::Table"


class Stacks:
    """Replaces how resources are created and updated; `rules` may make any of them fail."""

    def __init__(self, rules: FaultRules, mappings: Mappings) -> None:
        self._rules = rules
        self._mappings = mappings

    def install(self) -> None:
        self._blocks = replace(
            emulator.cloudformation_stacks,
            "_runs_on_worker_thread",
            ("resource_type",),
            self.runs_on_worker_thread,
        )
        actions = emulator.cloudformation_handlers._ACTION_HANDLERS
        self._create = replace_entry(actions, "CreateStack", ("params",), self.create_stack)
        self._change = replace_entry(actions, "CreateChangeSet", ("params",), self.create_change_set)
        for resource_type, names in REPLACED_BY.items():
            emulator.cloudformation_provisioners._REPLACING_PROPERTIES.setdefault(resource_type, names)
        for resource_type, handlers in emulator.cloudformation_provisioners._RESOURCE_HANDLERS.items():
            for verb in ("create", "update", "delete"):
                if callable(handlers.get(verb)):
                    handlers[verb] = self._guarded(resource_type, verb, handlers[verb])

    def create_stack(self, params: Any) -> Answer:
        """A stack whose creation was rolled back keeps its name until it is deleted; ministack takes it.

        https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/view-stack-events.html
        """
        handlers = emulator.cloudformation_handlers
        name = handlers._p(params, "StackName")
        known = emulator.cloudformation._stacks.get(name) or {}
        if known.get("StackStatus") == "ROLLBACK_COMPLETE":
            refusal: Answer = handlers._error("AlreadyExistsException", f"Stack [{name}] already exists")
            return refusal
        answer: Answer = self._create(params)
        return answer

    def create_change_set(self, params: Any) -> Answer:
        """Where outputs alone differ, AWS makes a change set without changes that can be executed; ministack
        fails it. https://github.com/aws/aws-cdk/pull/2029
        """
        answer: Answer = self._change(params)
        name, stack = (
            emulator.cloudformation_handlers._p(params, key) for key in ("ChangeSetName", "StackName")
        )
        for made in emulator.cloudformation._change_sets.values():
            if made["ChangeSetName"] != name or stack not in (made["StackName"], made["StackId"]):
                continue
            before = emulator.cloudformation._stacks.get(made["StackName"]) or {}
            outputs = [one.get("Outputs") or {} for one in (before.get("_template") or {}, made["_template"])]
            if made["Status"] == "FAILED" and not made["Changes"] and outputs[0] != outputs[1]:
                made |= {"Status": "CREATE_COMPLETE", "ExecutionStatus": "AVAILABLE", "StatusReason": ""}
        return answer

    def runs_on_worker_thread(self, resource_type: str) -> bool:
        return resource_type in (_FUNCTION, _MAPPING) or bool(self._blocks(resource_type))

    def _guarded(self, resource_type: str, verb: str, handler: Callable[..., Any]) -> Callable[..., Any]:
        def run(identifier: str, *arguments: Any, **named: Any) -> Any:
            place = emulator.responses
            if message := self._rules.stack_failure(
                f"{resource_type} {verb} {identifier}",
                region=place.get_region(),
                account=place.get_account_id(),
            ):
                raise ValueError(message)
            if verb == "create":
                _require_new_name(resource_type, arguments[0])
            if verb == "delete":
                return handler(identifier, *arguments, **named)
            # create(logical id, properties, …); update(physical id, old properties, new properties, …)
            at = 0 if verb == "create" else 1
            properties = arguments[at]

            def provision(given: Mapping[str, Any] = properties) -> Any:
                return handler(identifier, *arguments[:at], given, *arguments[at + 1 :], **named)

            if resource_type == _FUNCTION:
                return _function(properties, verb, provision)
            if resource_type == _MAPPING:
                return self._mapping(properties, verb, provision)
            result = provision()
            if resource_type == _TABLE:
                storage.apply_table_properties(result[0], properties)
            return result

        return run

    def _mapping(self, properties: Mapping[str, Any], verb: str, provision: Callable[..., Any]) -> Any:
        function = str(properties.get("FunctionName") or "")
        if verb == "create":
            _require(mappings.refusal_of_new(function, str(properties.get("EventSourceArn") or "")))
        else:
            _require(mappings.refusal_of_function(function))
        # Enabled is what ministack polls, at once.
        result = provision({**properties, "Enabled": False})
        # ministack would go on calling the alias that it was made with.
        _, emulator.lambda_service._esms[result[0]]["Qualifier"] = mappings.named(function)
        enabled = mappings.is_true(properties.get("Enabled", True))
        self._mappings.settle_later(
            result[0], "Creating" if verb == "create" else "Updating", enabled=enabled
        )
        mappings.wait_until_settled(result[0])
        return result


def _function(properties: Mapping[str, Any], verb: str, provision: Callable[[], Any]) -> Any:
    if verb == "create":
        code = properties.get("Code") or {}
        _require(function_rules.refusal_of_new({**properties, "Code": code}))
        _require(code_access.refusal_of(code))
        if "ZipFile" not in code:  # in a template that is a source text, and no zip
            _require(function_rules.refusal_of_code(code, properties.get("Layers") or ()))
    with guards.waiting_for_updates():
        result = provision()
    guards.wait_until_settled(result[0])
    return result


def _require_new_name(resource_type: str, properties: Mapping[str, Any]) -> None:
    """Raises ValueError for a resource whose name the template gives and another resource has.

    Names of IAM are global in an account, whatever the region of the stack:
    https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-iam-role.html.
    The code of the handler is AlreadyExists:
    https://docs.aws.amazon.com/cloudformation-cli/latest/userguide/resource-type-test-contract-errors.html
    """
    property_name, taken = {
        "AWS::IAM::Role": ("RoleName", emulator.iam._roles),
        "AWS::IAM::User": ("UserName", emulator.iam._users),
        "AWS::IAM::Group": ("GroupName", emulator.iam._groups),
        "AWS::IAM::InstanceProfile": ("InstanceProfileName", emulator.iam._instance_profiles),
        _FUNCTION: ("FunctionName", emulator.lambda_service._functions),
        _TABLE: ("TableName", emulator.dynamodb._tables),
    }.get(resource_type, ("", {}))
    name = properties.get(property_name)
    if name and name in taken:
        raise ValueError(f"Resource of type '{resource_type}' with identifier '{name}' already exists.")


def _require(refusal: Answer | None) -> None:
    if refusal:
        raise ValueError(json.loads(refusal[2])["message"])
