"""One training from start to end: what was asked for is checked, named, launched and written down.

with Training(request) as training:
    training.prepare(tell_progress)
    ended = training.run(tell, stop)
"""

from collections.abc import Callable
from contextlib import ExitStack
from typing import Any

from flows.run.git import git_commit
from flows.trained_weights import parent_of, pinned
from flows.training.boards import Shown, check_boards, open_boards
from flows.training.curves import Seen, keep_curves
from flows.training.data import Data, find_data
from flows.training.recipes import called
from flows.training.recorder import Recorder
from flows.training.request import TrainRequest
from flows.training.torchrun import check_named, rank_here, world_here
from flows.training.validation import find_validator
from infra.launch.driver import launch
from infra.launch.here import Stop, in_process
from infra.launch.outcome import Ended
from infra.zero import Sharding
from models.weights.licences import licences
from storage.ledger.catalog import Catalog
from storage.store import Store
from storage.trainings.names import check_name, made_name, run_uri, training_lock
from storage.trainings.reading import users_of
from storage.trainings.records import FAILED, FINISHED, STOPPED, Attempt, Setup
from storage.trainings.writing import finish_training, start_training
from tasks.training.job import Job
from tasks.training.loop import train
from tasks.training.recipe import DitRecipe

Tell = Callable[[dict[str, Any]], None]
LOADED = ("init", "vae", "whisper", "text", "sync", "identity", "clip")
"""Fields of a recipe that name networks."""


class Training:
    """Holds the training's name as long as it is open."""

    def __init__(self, request: TrainRequest):
        check_named(request.run)
        check_boards(request.log)
        self.request = request
        self.first = not rank_here()
        """Whether this process writes rows: under torchrun there is one of several."""
        self.catalog = Catalog(request.catalog, Store.told(request.profile.storage_options))
        self.name = check_name(request.run) if request.run else made_name(request.kind)
        self.recipe = pinned(self.catalog, request.recipe)
        self.data: Data = find_data(self.catalog, request.data, self.recipe)
        self.validator, self.not_validated = find_validator(self.catalog, self.data, self.recipe)
        self._open = ExitStack()

    def __enter__(self) -> "Training":
        if self.first:
            self._open.enter_context(training_lock(self.catalog, self.name))
        self.catalog = self.catalog.patient()
        return self

    def __exit__(self, *_: object) -> None:
        self._open.close()

    @property
    def parents(self) -> list[str]:
        """The networks that it loads or begins from, each with its digest."""
        named = [getattr(self.recipe, field, "") for field in LOADED]
        return [parent_of(one) for one in dict.fromkeys(named) if one]

    def job(self) -> Job:
        """Returns what travels to the workers."""
        training = self.request.profile.training
        return Job(
            name=self.name,
            recipe=self.recipe,
            windows=self.data.windows,
            root=run_uri(self.catalog, self.name),
            about=self._about(),
            store=self.catalog.store,
            sharding=Sharding(zero=training.zero, dtype=training.dtype),
            micro=training.micro,
            loaders=training.loaders,
            spared=self._spared(),
            validator=self.validator,
        )

    def run(self, tell: Tell, stop: Stop) -> Ended:
        """Trains; returns how it ended. Rows say the same."""
        job = self.job()
        if not self.first:
            return in_process(train, job, lambda _: None, stop)
        attempt = start_training(self.catalog, self._setup(), self.request.resumes)
        recorder = self._recorder(attempt)
        try:
            notes = [one.note for one in map(job.place.read, job.place.there()) if one]
            recorder.catch_up(notes)
            shown = self._shown(max((note["step"] for note in notes), default=0))
            with open_boards(self.request.log, shown, lambda text: tell(_warning(text))) as boards:
                ended = self._launched(job, _all_of(recorder.hear, boards.hear, tell), stop)
        except BaseException as error:
            recorder.flush()
            finish_training(self.catalog, attempt, FAILED, f"{type(error).__name__}: {error}")
            raise
        recorder.flush()
        event = {"finished": FINISHED, "stopped": STOPPED, "failed": FAILED}[ended.state]
        finish_training(self.catalog, attempt, event, ended.message)
        return ended

    def seen(self) -> Seen:
        """Draws its curves into its folder; says where they and the newest samples are."""
        return keep_curves(self.catalog, self.name)

    def _launched(self, job: Job, tell: Tell, stop: Stop) -> Ended:
        if rank_here() is not None:
            return in_process(train, job, tell, stop)
        return launch(self.request.profile, train, job, tell, stop=stop)

    def _spared(self) -> frozenset[int]:
        """Of a training that goes on: an expert may have begun from one of its checkpoints meanwhile."""
        return frozenset(users_of(self.catalog, self.name)) if self.request.resumes else frozenset()

    @property
    def _world(self) -> int:
        return self.request.profile.training.fewest if rank_here() is None else world_here()

    def _shown(self, done: int) -> Shown:
        """TensorBoard writes files of this machine."""
        uri = run_uri(self.catalog, self.name)
        folder = f"redub-logs/{self.name}" if "://" in uri else uri
        return Shown(self.name, folder, self.recipe.model_dump(mode="json"), done, self.catalog.store)

    def _recorder(self, attempt: Attempt) -> Recorder:
        count, devices = len(self.data.windows), self._world * max(self.request.profile.training.gpus, 1)
        return Recorder(self.catalog, attempt, lambda samples: samples / count, devices)

    def _setup(self) -> Setup:
        return Setup(
            run=self.name,
            kind=self.request.kind,
            recipe=self.recipe.model_dump(mode="json"),
            data=self.data.name,
            data_digest="" if self.data.name.startswith("world:") else self.data.digest,
            parents=self.parents,
            init=self.recipe.init,
            git_commit=git_commit(),
            profile=self.request.profile.name,
            world=self._world,
            flow_run=self.request.flow_run,
        )

    def _about(self) -> dict[str, str]:
        """What exported weights say of themselves: whose licences came together in them."""
        models = licences(one.split(" ")[0] for one in self.parents)
        together = sorted({*self.data.licences, *(one["licence"] for one in models.values())})
        return {
            "licence": "Apache-2.0" if set(together) == {"Apache-2.0"} else " AND ".join(together),
            "what": f"redub's {called(self.request.kind)}, training {self.name}",
            "trained_on": self.data.about,
            "run": self.name,
            "preset": self.recipe.preset if isinstance(self.recipe, DitRecipe) else "",
        }


def _all_of(*hear: Tell) -> Tell:
    def tell(event: dict[str, Any]) -> None:
        for one in hear:
            one(event)

    return tell


def _warning(text: str) -> dict[str, Any]:
    return {"kind": "warning", "text": text}
