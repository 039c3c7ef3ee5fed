"""Tells a training to TensorBoard, MLflow or Weights & Biases, where a person asked for it. Runs in the driver.

    with open_boards(("tensorboard",), shown, problem) as boards:
        boards.hear(event)

None of the three is needed: each is imported when it is asked for, and one that is not installed is refused before
anything starts. One that fails later is left out from then on, with a warning: the training does not end for it.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.util import find_spec
from typing import Any, Protocol

import numpy as np

from flows.errors import RecipeError
from flows.training.recorder import numbers_of
from storage.media.images import decode_image
from storage.store import Store
from storage.trainings.names import TENSORBOARD

PROJECT = "redub"
"""The experiment of MLflow and the project of W&B that all trainings are put into."""


@dataclass(frozen=True)
class Shown:
    """What a board is told of a training before its first step."""

    run: str
    folder: str
    """Of the run, or a local one where that is on an object store."""
    recipe: Mapping[str, Any]
    done: int
    """Steps that were done before: what was told of later ones is told anew."""
    store: Store


class Board(Protocol):
    """One of the three."""

    def numbers(self, values: Mapping[str, float], step: int) -> None: ...

    def picture(self, name: str, rgb_HWC: np.ndarray, step: int) -> None: ...

    def close(self) -> None: ...


class TensorBoard:
    """Writes event files into the training's folder: `tensorboard --logdir` shows them."""

    def __init__(self, shown: Shown):
        from torch.utils.tensorboard import SummaryWriter

        self._writer = SummaryWriter(
            f"{shown.folder}/{TENSORBOARD}", purge_step=shown.done + 1, flush_secs=20
        )
        self._writer.add_text(
            "recipe", "\n".join(f"    {name} = {value}" for name, value in flat(shown.recipe))
        )

    def numbers(self, values: Mapping[str, float], step: int) -> None:
        for name, value in values.items():
            self._writer.add_scalar(name, value, step)

    def picture(self, name: str, rgb_HWC: np.ndarray, step: int) -> None:
        self._writer.add_image(name, rgb_HWC, step, dataformats="HWC")

    def close(self) -> None:
        self._writer.close()


class MLflow:
    """Tells the server that MLFLOW_TRACKING_URI names, or a folder here. A training that goes on keeps its run."""

    def __init__(self, shown: Shown):
        import mlflow

        self._mlflow = mlflow
        mlflow.set_experiment(PROJECT)
        named = f"attributes.run_name = '{shown.run}'"
        before = mlflow.search_runs(
            experiment_names=[PROJECT], filter_string=named, max_results=1, output_format="list"
        )
        if before:
            mlflow.start_run(run_id=before[0].info.run_id)
        else:
            mlflow.start_run(run_name=shown.run)
            mlflow.log_params(dict(flat(shown.recipe)))

    def numbers(self, values: Mapping[str, float], step: int) -> None:
        self._mlflow.log_metrics(dict(values), step=step)

    def picture(self, name: str, rgb_HWC: np.ndarray, step: int) -> None:
        self._mlflow.log_image(rgb_HWC, key=name.replace("/", "-"), step=step)

    def close(self) -> None:
        self._mlflow.end_run()


class WeightsAndBiases:
    """Tells the account that `wandb login` named. A training that goes on keeps its run."""

    def __init__(self, shown: Shown):
        import wandb

        self._image = wandb.Image
        self._run = wandb.init(
            project=PROJECT, id=shown.run, name=shown.run, resume="allow", config=dict(shown.recipe)
        )

    def numbers(self, values: Mapping[str, float], step: int) -> None:
        self._run.log(dict(values), step=step)

    def picture(self, name: str, rgb_HWC: np.ndarray, step: int) -> None:
        self._run.log({name: self._image(rgb_HWC)}, step=step)

    def close(self) -> None:
        self._run.finish()


BOARDS: Mapping[str, Callable[[Shown], Board]] = {
    "tensorboard": TensorBoard, "mlflow": MLflow, "wandb": WeightsAndBiases,
}  # fmt: skip


def check_boards(names: Sequence[str]) -> None:
    """Refuses what is not known or not installed."""
    for name in names:
        if name not in BOARDS:
            raise RecipeError(f"--log {name} is not known; there are: {', '.join(BOARDS)}")
        if find_spec(name) is None:
            raise RecipeError(
                f"--log {name} needs the package {name}, which is not installed here: `uv pip install {name}` or `pip "
                f"install {name}` installs it"
            )


def flat(recipe: Mapping[str, Any], before: str = "") -> Iterator[tuple[str, Any]]:
    """Settings with their whole names, as `--set` takes them."""
    for name, value in recipe.items():
        if isinstance(value, Mapping):
            yield from flat(value, f"{before}{name}.")
        else:
            yield f"{before}{name}", value


class Boards:
    """Those that a training is told to."""

    def __init__(self, boards: Mapping[str, Board], store: Store, problem: Callable[[str], None]):
        self._boards, self._store, self._problem = dict(boards), store, problem

    def hear(self, event: Mapping[str, Any]) -> None:
        """Takes one event in."""
        if event.get("kind") == "step":
            values = numbers_of(event)
            self._each(lambda board: board.numbers(values, event["step"]))
        elif event.get("kind") == "validation":
            found = {f"validation/{name}": value for name, value in event["metrics"].items()}
            self._each(lambda board: board.numbers(found, event["step"]))
            for name, uri in event["pictures"].items() if self._boards else ():
                if name.endswith((".png", ".jpg")):
                    self._picture(name.rpartition(".")[0], uri, event["step"])

    def close(self) -> None:
        """Writes what waits."""
        self._each(lambda board: board.close())

    def _picture(self, name: str, uri: str, step: int) -> None:
        with self._store.open(uri) as file:
            rgb_HWC = decode_image(file.read())
        self._each(lambda board: board.picture(f"samples/{name}", rgb_HWC, step))

    def _each(self, tell: Callable[[Board], None]) -> None:
        for name, board in list(self._boards.items()):
            try:
                tell(board)
            except Exception as error:  # noqa: BLE001 - a server that is away must not end the training
                del self._boards[name]
                self._problem(
                    f"{name} is not told any more ({type(error).__name__}: {error}); training goes on"
                )


@contextmanager
def open_boards(names: Sequence[str], shown: Shown, problem: Callable[[str], None]) -> Iterator[Boards]:
    """`problem` is told of one that fails."""
    boards = Boards({name: BOARDS[name](shown) for name in dict.fromkeys(names)}, shown.store, problem)
    try:
        yield boards
    finally:
        boards.close()
