"""Pauses a flow run with a form until somebody fills it in, however often Prefect's server is away meanwhile.

    verdicts = answer(Verdicts, key, timeout_s=3600, poll_s=3)

Prefect's own pause ends the run when its server has been away for a minute. What the server knows of a pause is kept
by its key, so asking again for the same one neither asks people twice nor loses what they said. Another question takes
another key, in another process of the same run as well: there an old one would bring an old answer.
"""

import time
from typing import TypeVar, cast
from uuid import UUID

from httpx import TransportError
from prefect import pause_flow_run, runtime
from prefect.client.orchestration import get_client
from prefect.exceptions import FlowPauseTimeout, PrefectHTTPStatusError
from prefect.input import RunInput, keyset_from_paused_state
from prefect.states import Paused

from flows.reports import await_server, refused

Form = TypeVar("Form", bound=RunInput)


def answer(form: type[Form], key: str, timeout_s: int, poll_s: float) -> Form:
    """What somebody filled in; raises FlowPauseTimeout when nobody did in time."""
    while True:
        try:
            return _resumed(form, key, poll_s) if _asked(key) else _pause(form, key, timeout_s, poll_s)
        except (TransportError, PrefectHTTPStatusError) as error:
            if refused(error):
                raise
            await_server(timeout_s)


def _pause(form: type[Form], key: str, timeout_s: int, poll_s: float) -> Form:
    # Prefect's types have only whole seconds; it sleeps for others as well.
    return pause_flow_run(form, timeout=timeout_s, poll_interval=cast("int", poll_s), key=key)


def _asked(key: str) -> bool:
    """Whether the run has paused for it."""
    with get_client(sync_client=True) as client:
        return key in (client.read_flow_run(_run()).empirical_policy.pause_keys or ())


def _resumed(form: type[Form], key: str, poll_s: float) -> Form:
    with get_client(sync_client=True) as client:
        while (state := client.read_flow_run(_run()).state) is not None and not state.is_running():
            if state.is_final():
                raise FlowPauseTimeout(f"the run has ended meanwhile: {state.name}")
            time.sleep(poll_s)
    return cast("Form", form.load(keyset_from_paused_state(Paused(pause_key=key))))


def _run() -> UUID:
    return UUID(str(runtime.flow_run.id))
