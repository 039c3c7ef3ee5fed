"""A run's log says what a person got wrong once, in a sentence.

A flow that refuses, or stops, returns a state that says why. Prefect's engine then raises that state in the process
that it started for the run, and logs the traceback of its own raising below the sentence. What really broke has been
logged with its traceback before that, and keeps it.
"""

import logging

from prefect.exceptions import CancelledRun, FailedRun

ENGINES = ("prefect.flow_runs", "prefect.engine")
"""Who logs it: in the run's log, and in the worker's."""


def once(*refusals: type[Exception]) -> None:
    """Leaves out what the engine logs of these, and of states that a flow returned."""
    for name in ENGINES:
        logging.getLogger(name).addFilter(_Once((CancelledRun, FailedRun, *refusals)))


class _Once(logging.Filter):
    def __init__(self, told: tuple[type[BaseException], ...]):
        super().__init__()
        self.told = told

    def filter(self, record: logging.LogRecord) -> bool:
        error = record.exc_info[1] if record.exc_info else None
        return not (
            isinstance(error, self.told) and "exited with unexpected exception" in record.getMessage()
        )
