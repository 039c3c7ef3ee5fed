"""Has Ray Train run the workers, and again when they failed, as often as may be. Runs in the supervisor.

Each attempt is a run of Ray Train of its own that may not fail: so a refusal ends at once, a wish to stop
is never answered by new workers, and what is counted is ours to say.
"""

import os
import time
from typing import Any

from ray.train import FailureConfig, LoggingConfig, RunConfig, ScalingConfig, TrainingFailedError
from ray.train.torch import TorchConfig, TorchTrainer

from infra.launch.assignment import Assignment
from infra.launch.letterbox import Letterbox
from infra.launch.outcome import Ended, Fault
from infra.launch.worker import Returned, work
from infra.profiles import Training
from infra.quietray import cloudpickle, ray, ray_errors

SWITCHES = {
    "RAY_TRAIN_HEALTH_CHECK_INTERVAL_S": "0.5",  # Ray looks every 2 s, and each end would cost one
    "RAY_TRAIN_WORKER_GROUP_START_TIMEOUT_S": "600",  # 60 s are few where all of a busy machine's workers import torch
    "RAY_TRAIN_METRICS_ENABLED": "0",
    "RAY_TRAIN_ENABLE_PRINT_PATCH": "0",
    "RAY_CHDIR_TO_TRIAL_DIR": "0",
}
RESIZE_S = 600.0
"""A node that joins is taken in at the cost of the steps since the newest checkpoint: not every minute."""
ROOM_S = 900.0
"""So long a training that has lost a node waits for another one."""
LOOK_S = 1.0


def until_over(assignment: Assignment, supervisor: Any, letterbox: Letterbox) -> Ended:
    os.environ.update(SWITCHES | {"RAY_TRAIN_ENABLE_PREEMPTION_WATCHER": str(int(assignment.drains))})
    starts = faults = 0
    while True:
        starts += 1
        answer = _attempt(assignment, supervisor, letterbox)
        if isinstance(answer, Fault):
            faults += 1
            if answer.final or faults == assignment.attempts or letterbox.stopping():
                return Ended("failed", starts, answer.line, detail=answer.detail)
        elif letterbox.stopping() or not answer.stopped:
            return _ended(answer, starts)
        event = {"event": "attempt", "attempt": starts + 1, "message": _because(answer)}
        letterbox.post([cloudpickle.dumps(event)])
        if not _room(assignment.training, letterbox):
            return Ended("stopped", starts, "stopped while it waited for room on the cluster")


def _because(answer: Returned | Fault) -> str:
    """Why there is another attempt. Who stopped although nobody asked is to go on elsewhere."""
    if isinstance(answer, Fault):
        return answer.line
    return "a node is about to be taken away" if answer.preempted else "it could not hear its supervisor"


def _ended(returned: Returned, starts: int) -> Ended:
    if returned.stopped:
        return Ended("stopped", starts, "stopped as it was asked to", returned.result)
    return Ended("finished", starts, result=returned.result)


def _attempt(assignment: Assignment, supervisor: Any, letterbox: Letterbox) -> Returned | Fault:
    letterbox.faults()
    try:
        packed = _trainer(assignment, supervisor).fit().return_value
    except TrainingFailedError as error:
        return _cause(error, letterbox.faults())
    returned = cloudpickle.loads(packed)
    assert isinstance(returned, Returned)
    return returned


def _trainer(assignment: Assignment, supervisor: Any) -> Any:
    """Ray's types are those of its older interface, hence the dictionaries."""
    training = assignment.training
    run: dict[str, Any] = {
        "storage_path": assignment.folder,
        "failure_config": FailureConfig(max_failures=0),
        "logging_config": LoggingConfig(log_level="WARNING"),
        "worker_runtime_env": {"env_vars": assignment.environment},
    }
    scaling: dict[str, Any] = {
        "num_workers": training.workers,
        "use_gpu": training.gpus > 0,
        "resources_per_worker": {"CPU": training.cpus, "GPU": training.gpus},
        "elastic_resize_monitor_interval_s": RESIZE_S,
    }
    function: Any = work
    return TorchTrainer(
        function,
        train_loop_config={"supervisor": supervisor, "packed": assignment.packed},
        torch_config=TorchConfig(backend="nccl" if training.gpus else "gloo"),
        scaling_config=ScalingConfig(**scaling),
        run_config=RunConfig(**run),
    )


def _cause(error: TrainingFailedError, faults: list[Fault]) -> Fault:
    """A refusal says most; then a death, for those who wait for the dead only say that they did."""
    if faults and faults[0].final:
        return faults[0]
    for rank, failure in getattr(error, "worker_failures", {}).items():
        death = getattr(failure, "health_check_failure", failure)
        if isinstance(death, ray_errors.RayActorError):
            return Fault(f"the process of rank {rank} died: {_how(str(death))}", str(death))
    inner = getattr(error, "controller_failure", error)
    return faults[0] if faults else Fault(f"Ray Train failed: {_first_line(inner)}", str(error))


def _how(report: str) -> str:
    if "OutOfMemory" in report or "memory pressure" in report:
        return "killed for memory"
    if "node" in report.lower() and "died" in report and "Worker exit" not in report:
        return "its node is gone"
    return "SIGKILL from outside, or it left by itself"


def _first_line(error: BaseException) -> str:
    return (str(error).strip() or type(error).__name__).splitlines()[0]


def _room(training: Training, letterbox: Letterbox) -> bool:
    """Wait for a cluster that can hold the fewest workers. False: it was stopped meanwhile."""
    until = time.monotonic() + ROOM_S
    while not letterbox.stopping():
        there = ray.cluster_resources()
        fits = there.get("CPU", 0) >= training.fewest * training.cpus
        if (fits and there.get("GPU", 0) >= training.fewest * training.gpus) or time.monotonic() > until:
            return True
        time.sleep(LOOK_S)
    return False
