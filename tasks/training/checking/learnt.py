"""Counts the parameters that a training of a video DiT changes: the whole net's, or its expert's alone."""

from models.dit.config import DitConfig
from models.dit.experts import attach, parameters_to_train
from models.dit.presets import count_parameters, on_meta
from tasks.training.editor.expert import ExpertTraining
from tasks.training.job import objective_of
from tasks.training.recipe import TrainRecipe


def learnt_parameters(recipe: TrainRecipe, config: DitConfig) -> int:
    """Without memory, in a moment."""
    objective = objective_of(recipe)
    if not isinstance(objective, ExpertTraining):
        return count_parameters(config)
    net = on_meta(config)
    attach(net, objective.name, objective.rank, layers=objective.layers)
    parameters_to_train(net, objective.name)
    return sum(one.numel() for one in net.parameters() if one.requires_grad)
