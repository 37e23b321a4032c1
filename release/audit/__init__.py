"""What an auditor gets: the audit of one promotion, those of a time, and whether all that is recorded holds.

Nothing here writes. An export believes the ledger as far as it can be parsed; `verify` proves the rest.
"""

from release.audit.document import audit_document
from release.audit.period import Period, decisions_between, promotions_between
from release.audit.verify import Reading, verify

__all__ = ["Period", "Reading", "audit_document", "decisions_between", "promotions_between", "verify"]
