"""Checks a training that was asked for; nothing is written, and no name is taken.

    findings = check(training)        # all of it, as `--check` prints it
    check(training, hear)             # and each as it is found, since encoding a few windows anew may take minutes
    refuse_if_wrong(findings)         # raises TrainingRefused

People of the procedural world that are not rendered yet can't be looked at: `check` says so, and whoever renders them
calls `check_data` then.
"""

from collections.abc import Callable, Iterator, Sequence

from flows.errors import TrainingRefused
from flows.training.driver import Training
from models.mini.editor.corpus import WorldPairs
from models.mini.generator.corpus import WorldWindows
from models.mini.syncnet.windows import WorldLips
from models.weights.licences import licences
from tasks.training.checking.everything import before_data, of_data
from tasks.training.checking.finding import Finding, ok
from tasks.training.checking.subject import Subject

RENDERED = (WorldWindows, WorldPairs, WorldLips)
"""People of the procedural world, made where they are missing."""


def check(training: Training, hear: Callable[[Finding], None] = lambda _: None) -> list[Finding]:
    """Refusals last."""
    found = []
    for one in _found(training):
        found.append(one)
        hear(one)
    return refusals_last(found)


def _found(training: Training) -> Iterator[Finding]:
    subject = subject_of(training)
    yield from before_data(subject)
    if to_be_rendered(training):
        yield ok(f"{training.data.name} is not rendered yet; its windows are looked at when it is")
    else:
        yield from of_data(subject)


def check_data(training: Training) -> list[Finding]:
    """Windows and a dry step alone."""
    return refusals_last(list(of_data(subject_of(training))))


def to_be_rendered(training: Training) -> bool:
    windows = training.data.windows
    return isinstance(windows, RENDERED) and bool(windows.missing)


def subject_of(training: Training) -> Subject:
    windows = training.data.windows
    rendered = windows.beginning() if isinstance(windows, RENDERED) else None
    return Subject(
        training.job(),
        training.request.profile,
        licences(parent.rpartition(" ")[0] for parent in training.parents),
        training.catalog if rendered is None else None,
        training.data.name if rendered is None else "",
        rendered,
        begins=not training.request.resumes,
    )


def refusals_last(findings: Sequence[Finding]) -> list[Finding]:
    return sorted(findings, key=lambda one: one.level == "refuse")


def refuse_if_wrong(findings: Sequence[Finding]) -> None:
    wrong = [one.what for one in findings if one.level == "refuse"]
    if wrong:
        raise TrainingRefused("the training is refused: " + "\n".join(wrong))
