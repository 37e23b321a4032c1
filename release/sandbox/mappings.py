"""Event source mappings take their time, and nothing is polled before they are Enabled.

https://docs.aws.amazon.com/lambda/latest/api/API_EventSourceMappingConfiguration.html names the states;
https://docs.aws.amazon.com/lambda/latest/api/API_UpdateEventSourceMapping.html and
https://docs.aws.amazon.com/lambda/latest/api/API_DeleteEventSourceMapping.html refuse, with
ResourceInUseException (400), a mapping that is on its way to another state. ministack changes and polls at
once.
"""

import contextvars
import json
import threading
import time
from typing import Any

from release.sandbox import emulator
from release.sandbox.compatibility import replace
from release.sandbox.emulator import Answer

_SETTLED = ("Enabled", "Disabled")
_STABILISE_SECONDS = 30.0


class Mappings:
    """Gives event source mappings their states; each change lasts `settle_seconds`."""

    def __init__(self, settle_seconds: float) -> None:
        self._settle_seconds = settle_seconds

    def install(self) -> None:
        service = emulator.lambda_service
        self._create = replace(service, "_create_esm", ("data",), self.create)
        self._update = replace(service, "_update_esm", ("esm_id", "data"), self.update)
        self._delete = replace(service, "_delete_esm", ("esm_id",), self.delete)
        self._respond = replace(service, "_esm_response", ("esm",), self.respond)

    def respond(self, esm: dict[str, Any]) -> dict[str, Any]:
        """What is told of a mapping: not what it is on its way to."""
        shown: dict[str, Any] = self._respond({key: esm[key] for key in esm if key != "_Wanted"})
        return shown

    def create(self, data: dict[str, Any]) -> Answer:
        if refusal := refusal_of_new(data.get("FunctionName") or "", data.get("EventSourceArn") or ""):
            return refusal
        # Enabled is what ministack polls, at once.
        answer: Answer = self._create({**data, "Enabled": False})
        return self._changing(answer, "Creating", enabled=is_true(data.get("Enabled", True)))

    def update(self, esm_id: str, data: dict[str, Any]) -> Answer:
        known = emulator.lambda_service._esms.get(esm_id)
        if known is None:
            return _missing()
        before = known["State"]
        if before not in _SETTLED:
            return _in_use("update")
        if refusal := refusal_of_function(data.get("FunctionName")):
            return refusal
        enabled = is_true(data.get("Enabled", before == "Enabled"))
        answer: Answer = self._update(esm_id, {**data, "Enabled": False})
        if answer[0] >= 300:
            return answer
        after = "Enabled" if enabled else "Disabled"
        return self._changing(answer, _transition(before, after), enabled=enabled)

    def delete(self, esm_id: str) -> Answer:
        known = emulator.lambda_service._esms.get(esm_id)
        if known is None:
            return _missing()
        if known["State"] not in _SETTLED:
            return _in_use("delete")
        known.update(State="Deleting", Enabled=False)
        self._after_a_while(lambda: self._delete(esm_id))
        return _shown(known)

    def settle_later(self, esm_id: str, state: str, *, enabled: bool) -> None:
        """Holds the mapping in `state`, unpolled, then lets it be enabled or not."""
        mapping = emulator.lambda_service._esms[esm_id]
        mapping.update(State=state, Enabled=False, _Wanted=enabled)  # saved with the mapping
        self._after_a_while(lambda: settle(mapping))

    def _changing(self, answer: Answer, state: str, *, enabled: bool) -> Answer:
        if answer[0] >= 300:
            return answer
        esm_id = json.loads(answer[2])["UUID"]
        self.settle_later(esm_id, state, enabled=enabled)
        return _shown(emulator.lambda_service._esms[esm_id])

    def _after_a_while(self, step: Any) -> None:
        context = contextvars.copy_context()
        timer = threading.Timer(self._settle_seconds, context.run, (step,))
        timer.daemon = True
        timer.start()


def settle(mapping: dict[str, Any]) -> None:
    """Ends what the mapping is going through; nothing to do when it has come to rest."""
    if mapping["State"] in _SETTLED or mapping["State"] == "Deleting":
        return
    enabled = mapping.pop("_Wanted", True)
    mapping.update(State="Enabled" if enabled else "Disabled", Enabled=enabled)
    # The poller may sleep for a second after it found nothing to do.
    emulator.lambda_service._esm_wake.set()


def settle_all() -> None:
    """Ends every change that was under way when the state was saved."""
    for key, mapping in list(emulator.lambda_service._esms._data.items()):
        if mapping["State"] == "Deleting":
            emulator.lambda_service._esms._data.pop(key, None)
        settle(mapping)


def wait_until_settled(esm_id: str) -> None:
    """Returns when the mapping has come to rest. Raises TimeoutError after half a minute."""
    deadline = time.monotonic() + _STABILISE_SECONDS
    while (mapping := emulator.lambda_service._esms.get(esm_id)) and mapping["State"] not in _SETTLED:
        if time.monotonic() > deadline:
            raise TimeoutError(f"event source mapping {esm_id} did not stabilise")
        time.sleep(0.01)


def refusal_of_new(function: str, source_arn: str) -> Answer | None:
    """Why no mapping from this source to this function (name or ARN, with or without qualifier) is made."""
    if refusal := refusal_of_function(function):
        return refusal
    name, qualifier = named(function)
    for known in emulator.lambda_service._esms.values():
        same_function = (known["FunctionName"], known.get("Qualifier")) == (name, qualifier)
        if same_function and known["EventSourceArn"] == source_arn:
            kind = "An event source mapping with SQS arn" if ":sqs:" in source_arn else "The event source arn"
            provided = "" if ":sqs:" in source_arn else "provided mapping "
            return emulator.refusal(
                "ResourceConflictException",
                f'{kind} (" {source_arn} ") and function (" {name} ") {provided}already exists. Please '
                f"update or delete the existing mapping with UUID {known['UUID']}",
                409,
            )
    return None


def refusal_of_function(function: str | None) -> Answer | None:
    """Why no mapping leads to this function (name or ARN, with or without qualifier); None keeps the old."""
    if function is None:
        return None
    name, qualifier = named(function)
    record = emulator.lambda_service._functions.get(name) if name else None
    if record is None:
        return emulator.refusal("InvalidParameterValueException", "Function does not exist", 400)
    refusal: Answer | None = emulator.lambda_service._validate_function_qualifier_exists(name, qualifier)
    return refusal


def is_true(value: Any) -> bool:
    """A template may say a boolean as text."""
    return value is True or str(value).lower() == "true"


def named(function: str) -> tuple[str, str | None]:
    """Name and qualifier of a function that is given by name or ARN."""
    name, qualifier = emulator.lambda_service._resolve_request_scoped_name_and_qualifier(function)
    return name, qualifier


def _transition(before: str, after: str) -> str:
    if before == after:
        return "Updating"
    return "Enabling" if after == "Enabled" else "Disabling"


def _shown(mapping: dict[str, Any]) -> Answer:
    shown = emulator.lambda_service._esm_response(mapping)
    return 202, {"Content-Type": "application/json"}, json.dumps(shown).encode()


def _in_use(verb: str) -> Answer:
    message = f"Cannot {verb} the event source mapping because it is in use."
    return emulator.refusal("ResourceInUseException", message, 400)


def _missing() -> Answer:
    return emulator.refusal("ResourceNotFoundException", "The resource you requested does not exist.", 404)
