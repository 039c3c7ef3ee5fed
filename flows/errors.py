"""Errors of flows that end a command in one sentence. They import nothing, so that catching them costs nothing."""


class RecipeError(ValueError):
    """An unknown recipe, stage or setting; the message lists what exists."""


class ServeError(RuntimeError):
    """The Prefect server can't be run like this; says why."""


class TrainingFailed(RuntimeError):
    """A training ended without reaching its last step; says why and how to go on."""


class TrainingRefused(RuntimeError):
    """A training that would fail, or learn what it should not; says what is wrong and what to do, a line each."""


class PromotionRefused(RuntimeError):
    """Trainings that don't belong together, or whose metrics don't pass the gates; says what to do."""


class BootstrapRefused(RuntimeError):
    """A step of a bootstrap that can't be done, or was done with other settings; says which and what to do."""


class FootageRefused(ValueError):
    """Footage of which the recipe's models know nothing; says which, and with what to compute it."""


class SpeakersUnknown(ValueError):
    """Splits by speaker where nobody can tell the speakers apart; says what to do."""
