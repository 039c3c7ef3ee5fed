"""Runs whose worker is gone: ends what still computes, so that nothing holds a catalog unseen, and has them go on.

A run that was interrupted is scheduled again under its own name, and the next worker takes it: what it committed is not
computed twice. A run that was interrupted too often stays ended, since it may be what kills the worker.
"""

import contextlib
import os
import signal
import time
from collections.abc import Collection, Iterator, Sequence
from pathlib import Path
from uuid import UUID

from prefect.client.orchestration import SyncPrefectClient
from prefect.client.schemas.filters import (
    FlowRunFilter,
    FlowRunFilterState,
    FlowRunFilterStateType,
    WorkPoolFilter,
    WorkPoolFilterName,
)
from prefect.client.schemas.objects import FlowRun, StateType
from prefect.states import Cancelled, Crashed, Scheduled, State

from flows.server import POOL

END_S = 40.0
"""So long a run may take to commit what is done."""
OFTEN = 3
"""So many times a run is begun."""
ALIVE = (StateType.RUNNING, StateType.PENDING, StateType.PAUSED, StateType.CANCELLING)


class LeftRuns:
    """Of one server, and of the workers of this machine."""

    def __init__(self, api: str, token: str | None, worker: str) -> None:
        self._api, self._token, self._worker = api, token, worker

    def running(self) -> list[UUID]:
        """The runs that have processes here, but for those that are being cancelled."""
        with SyncPrefectClient(self._api, auth_string=self._token) as client:
            alive = [one.id for one in self._alive(client) if not (one.state and one.state.is_cancelling())]
        return [run for run in processes(self._api) if run in alive]

    def go_on(self, runs: Sequence[UUID] | None = None) -> Iterator[str]:
        """Ends these, or all that no worker has, and schedules them again; says what became of each."""
        with SyncPrefectClient(self._api, auth_string=self._token) as client:
            found = processes(self._api)
            lost = [one for one in self._alive(client) if runs is None or one.id in runs]
            if runs is None and self._others(client):  # who may have those that have no process here
                lost = [one for one in lost if one.id in found]
            interrupted = {one.id for one in lost} | set(found if runs is None else runs)
            end(self._api, interrupted)
            for run in interrupted:
                if told := _again(client, client.read_flow_run(run)):
                    yield told

    def _alive(self, client: SyncPrefectClient) -> list[FlowRun]:
        return client.read_flow_runs(
            work_pool_filter=WorkPoolFilter(name=WorkPoolFilterName(any_=[POOL])),
            flow_run_filter=FlowRunFilter(
                state=FlowRunFilterState(type=FlowRunFilterStateType(any_=list(ALIVE)))
            ),
        )

    def _others(self, client: SyncPrefectClient) -> bool:
        """Whether other machines have workers of the same pool."""
        answer = client.request(
            "POST",
            "/work_pools/{work_pool_name}/workers/filter",
            path_params={"work_pool_name": POOL},
            json={},
        )
        return any(one["name"] != self._worker and one["status"] == "ONLINE" for one in answer.json())


def _again(client: SyncPrefectClient, run: FlowRun) -> str:
    assert run.state is not None
    if run.state.type in (StateType.COMPLETED, StateType.FAILED):
        return ""
    if run.state.type is StateType.CANCELLING:
        client.set_flow_run_state(
            run.id, Cancelled(message="cancelled while its worker was gone"), force=True
        )
        return f"run {run.name} is cancelled, as it was asked for"
    if not run.state.is_final():
        client.set_flow_run_state(run.id, Crashed(message="its worker was gone"), force=True)
    if run.run_count >= OFTEN:
        return f"run {run.name} was interrupted {run.run_count} times and is not begun again"
    state: State[None] = Scheduled(
        name="Goes on", message="interrupted; what it committed is not computed again"
    )
    client.set_flow_run_state(run.id, state, force=True)
    return f"run {run.name} was interrupted and goes on"


def processes(api: str) -> dict[UUID, int]:
    """Of each run of that server that has processes here, the one that Prefect started and the others descend from."""
    return {run: pid for run, pid, first in _all(api) if first}


def _all(api: str) -> Iterator[tuple[UUID, int, bool]]:
    for entry in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):  # it ended, or is somebody else's
            said = dict(
                one.split("=", 1) for one in (entry / "environ").read_text(errors="replace").split("\0") if "=" in one
            )  # fmt: skip
            pid = int(entry.name)
            if said.get("PREFECT_API_URL") == api and (run := said.get("PREFECT__FLOW_RUN_ID")):
                first = os.getpgid(pid) == pid and b"prefect" in (entry / "cmdline").read_bytes()
                yield UUID(run), pid, first


def end(api: str, runs: Collection[UUID]) -> None:
    """SIGTERM lets a run commit what is done and free its Ray; what is left of it after a while is killed."""
    for run, pid in processes(api).items():
        if run in runs:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGTERM)
    until = time.monotonic() + END_S
    while time.monotonic() < until and set(runs) & processes(api).keys():
        time.sleep(0.3)
    for run, pid, _ in list(_all(api)):
        if run in runs:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
