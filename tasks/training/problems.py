"""What stops a training for good."""


class Stop(RuntimeError):
    """The training can't go on, and trying again would not help; says why and what to do."""

    final = True
