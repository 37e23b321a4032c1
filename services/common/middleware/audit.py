"""Every read is on record before the answer leaves, or no answer leaves."""

from collections.abc import Callable
from datetime import datetime
from typing import TYPE_CHECKING, Any

from sqlalchemy import Connection

from common.audit import Access, AuditTrail
from common.core import layer
from common.reads import AuditedReads
from common.routes import Call

if TYPE_CHECKING:
    from aws_lambda_powertools.utilities.typing import LambdaContext


@layer
def audit_reads(
    handler: Callable[..., Any],
    event: Call,
    context: "LambdaContext",
    connection: Connection,
    trail: Callable[[], AuditTrail],
    now: Callable[[], datetime],
    who: Callable[[Call], str],
) -> Any:
    """Give the handler `reads` instead of the connection; record what it has read, also when it fails.

    A read that finds nothing is recorded too: it tells what somebody was looking for. Raises
    DependencyUnavailable when a record cannot be written: the handler's answer is lost then, on purpose.
    """
    reads = AuditedReads(connection)
    try:
        return handler(event, context, reads=reads)
    finally:
        for what, outcome in reads.noted:
            trail().record(Access(who(event), what, now(), event.request_id, outcome, event.caller))
