"""The onion round every handler. From the outside in:

    log_access             access_log     one line a call; an unforeseen exception loses its data here
    trace_calls            tracing        a subsegment for X-Ray, where the call is sampled
    answer_health_checks   health_checks  `{"health_check": true}` goes no further in
    answer_problems        problems       documented failures become problem answers
    count_outcomes         outcomes       ... after they were counted
    answer_routes          routing        the event becomes a validated Call, the Reply an answer
    open_database          database       a connection for the call (services with a SQL database)
    audit_reads            audit          what was read is on record before the answer leaves

Each is made by Powertools' `lambda_handler_decorator` and is imported from its own module, so that a
service's archive holds what it uses and no more.
"""
