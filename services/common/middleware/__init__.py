"""The onion round every handler, from the outside in: access log, health check, problem answers.

Each layer is made by Powertools' `lambda_handler_decorator` and takes `core`, a function that gives the
service's Core: nothing is built before the first call, unless the service wants it so.
"""

from common.middleware.access_log import log_access
from common.middleware.health_checks import answer_health_checks
from common.middleware.problems import answer_problems

__all__ = ["answer_health_checks", "answer_problems", "log_access"]
