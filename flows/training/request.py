"""What a person asks a training for."""

from dataclasses import dataclass

from infra.profiles import Profile
from tasks.training.recipe import TrainRecipe


@dataclass(frozen=True)
class TrainRequest:
    """Which network, on which data, computed how, and where."""

    kind: str
    catalog: str
    recipe: TrainRecipe
    recipe_name: str
    profile: Profile
    data: str = ""
    """A version of the catalog (v3), people of the procedural world (world:people=1600), or '' for the newest."""
    run: str = ""
    """Its name; '' makes one."""
    resumes: bool = False
    flow_run: str = ""
    log: tuple[str, ...] = ()
    """Who else is told of it: tensorboard, mlflow, wandb."""
