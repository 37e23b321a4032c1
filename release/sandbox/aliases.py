"""What an alias may point to: the rules of CreateAlias and UpdateAlias that ministack does not check.

https://docs.aws.amazon.com/lambda/latest/dg/configuring-alias-routing.html: at most two versions, both
published, with the same execution role and the same dead-letter configuration.
"""

import json
import re
from typing import Any

from release.sandbox import emulator
from release.sandbox.compatibility import replace
from release.sandbox.emulator import Answer

# https://docs.aws.amazon.com/lambda/latest/api/API_CreateAlias.html
_NAME = re.compile(r"(?!^[0-9]+$)([a-zA-Z0-9-_]+)")
_NAME_CHARACTERS = 128


class AliasRules:
    """Refuses aliases that AWS refuses, then lets ministack store the rest."""

    def install(self) -> None:
        service = emulator.lambda_service
        self._create = replace(service, "_create_alias", ("func_name", "data"), self.create)
        self._update = replace(service, "_update_alias", ("func_name", "alias_name", "data"), self.update)

        self._delete = replace(service, "_delete_alias", ("func_name", "alias_name"), self.delete)
        self._get_policy = replace(
            service, "_get_policy", ("func_name", "query_params", "path_qualifier"), self.get_policy
        )

    def get_policy(
        self, func_name: str, query_params: dict[str, Any] | None = None, path_qualifier: str | None = None
    ) -> Answer:
        """Without a qualifier the function's own policy; ministack adds those of its aliases."""
        answer: Answer = self._get_policy(func_name, query_params, path_qualifier)
        arn = emulator.lambda_service._func_arn(func_name)
        if answer[0] != 200 or path_qualifier or (query_params or {}).get("Qualifier"):
            return answer
        shown = json.loads(answer[2])
        policy = json.loads(shown["Policy"])
        policy["Statement"] = [given for given in policy["Statement"] if given.get("Resource") == arn]
        if not policy["Statement"]:
            message = "The resource you requested does not exist."
            return emulator.refusal("ResourceNotFoundException", message, 404)
        return answer[0], answer[1], json.dumps({**shown, "Policy": json.dumps(policy)}).encode()

    def create(self, func_name: str, data: dict[str, Any]) -> Answer:
        refusal = _refusal_of_name(data.get("Name") or "") or _refusal(
            func_name, data.get("FunctionVersion"), data.get("RoutingConfig")
        )
        answer: Answer = refusal or self._create(func_name, data)
        return answer

    def delete(self, func_name: str, alias_name: str) -> Answer:
        """Deleting what is gone does no harm: https://docs.aws.amazon.com/lambda/latest/api/API_DeleteAlias.html"""
        function = emulator.lambda_service._functions.get(func_name)
        if function is not None and alias_name not in function["aliases"]:
            return 204, {}, b""
        answer: Answer = self._delete(func_name, alias_name)
        return answer

    def update(self, func_name: str, alias_name: str, data: dict[str, Any]) -> Answer:
        function = emulator.lambda_service._functions.get(func_name) or {}
        alias = function.get("aliases", {}).get(alias_name) or {}
        refusal: Answer | None = emulator.lambda_service._check_revision(alias, data) if alias else None
        refusal = refusal or _refusal(
            func_name,
            data.get("FunctionVersion", alias.get("FunctionVersion")),
            data.get("RoutingConfig", alias.get("RoutingConfig")),
        )
        answer: Answer = refusal or self._update(func_name, alias_name, data)
        return answer


def _refusal_of_name(name: str) -> Answer | None:
    if len(name) > _NAME_CHARACTERS:
        rule = f"Member must have length less than or equal to {_NAME_CHARACTERS}"
    elif not _NAME.fullmatch(name):
        rule = f"Member must satisfy regular expression pattern: {_NAME.pattern}"
    else:
        return None
    message = f"1 validation error detected: Value '{name}' at 'name' failed to satisfy constraint: {rule}"
    return emulator.refusal("ValidationException", message, 400)


def _refusal(func_name: str, version: str | None, routing: dict[str, Any] | None) -> Answer | None:
    function = emulator.lambda_service._functions.get(func_name)
    if function is None:
        return None
    versions = function["versions"]
    weights: dict[str, float] = (routing or {}).get("AdditionalVersionWeights") or {}
    for named in (version, *weights):
        if named and named != "$LATEST" and named not in versions:
            arn = f"{emulator.lambda_service._func_arn(func_name)}:{named}"
            return emulator.refusal("ResourceNotFoundException", f"Function not found: {arn}", 404)
    if not weights:
        return None
    if version == "$LATEST" or "$LATEST" in weights:
        return _invalid("$LATEST is not supported for an alias pointing to more than 1 version")
    if len(weights) > 1:
        return _invalid("Number of items in AdditionalVersionWeights cannot be greater than 1")
    ((other, weight),) = weights.items()
    if other == version:
        return _invalid(
            f"Invalid function version {other}. Function version {other} is already included in routing "
            "configuration."
        )
    if not 0 <= float(weight) <= 1:
        return _invalid(f"Invalid weight {weight}: a weight is between 0.0 and 1.0")
    for setting in ("Role", "DeadLetterConfig"):
        if versions[version]["config"].get(setting) != versions[other]["config"].get(setting):
            return _invalid(f"Function versions {version} and {other} must have the same {setting}")
    return None


def _invalid(message: str) -> Answer:
    return emulator.refusal("InvalidParameterValueException", message, 400)
