"""The error of weights: something that a person must mend."""


class ModelError(ValueError):
    """Weights are not there or not what they claim to be; the message says what to do."""
