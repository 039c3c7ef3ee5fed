"""Shows a training that runs: a line that moves on a terminal, a line now and then elsewhere."""

import time
from collections import deque
from collections.abc import Mapping
from typing import Any

from rich.progress import BarColumn, Progress, TextColumn

from flows.terminal.console import can_move, console, duration, problems, size
from flows.terminal.plain_text import escape

LINE_EVERY_S = 10.0
RECENT = 20
"""Steps over which what is shown is averaged."""
TOLD = 5
"""Numbers of a validation, the most telling first."""


class TrainingView:
    """Hears events and shows them; as a context it owns the line that moves."""

    def __init__(self) -> None:
        self.steps = 0
        self.device = "cpu"
        self._recent: deque[Mapping[str, Any]] = deque(maxlen=RECENT)
        self._said = time.monotonic()
        self._progress = Progress(
            TextColumn("step {task.completed:.0f}/{task.total:.0f}"), BarColumn(20), TextColumn("{task.description}"),
            console=console, transient=True,
        )  # fmt: skip
        self._task: Any = None

    def __enter__(self) -> "TrainingView":
        if can_move():
            self._progress.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._progress.stop()

    def hear(self, event: Mapping[str, Any]) -> None:
        """Takes one event in."""
        kind = event.get("kind")
        if kind == "begins":
            self._begin(event)
        elif kind == "step":
            self._step(event)
        elif kind == "checkpoint":
            self.say(f"step {event['step']}: checkpoint written")
        elif kind == "validation":
            told = list(event["metrics"].items())[:TOLD]
            self.say(f"step {event['step']}: " + ", ".join(f"{name} {value:.3f}" for name, value in told))
        elif kind == "warning":
            problems.print(f"[yellow]redub:[/] {escape(event['text'])}", soft_wrap=True)
        elif event.get("event") == "attempt" and event.get("attempt", 1) > 1:
            self.say(f"started again (attempt {event['attempt']}), from the newest checkpoint")

    def say(self, text: str) -> None:
        """One line, above what moves."""
        console.print(text, soft_wrap=True, markup=False)

    def _begin(self, event: Mapping[str, Any]) -> None:
        self.steps, self.device = event["steps"], event.get("device", "cpu")
        for wrong in event["wrong"]:
            problems.print(
                f"[yellow]redub:[/] {wrong}; going on from the checkpoint before it", soft_wrap=True
            )
        if event["step"]:
            self.say(f"going on after step {event['step']}")
        self._recent.clear()
        if self._task is None:
            self._task = self._progress.add_task("", total=self.steps)
        self._progress.update(self._task, completed=event["step"])

    def _step(self, event: Mapping[str, Any]) -> None:
        self._recent.append(event)
        if event["left_out"]:
            self.say(f"step {event['step']} left out: {event['left_out']}")
        text = self.summary(event["step"])
        self._progress.update(self._task, completed=event["step"], description=text)
        due = time.monotonic() - self._said > LINE_EVERY_S or event["step"] == self.steps
        if not can_move() and due:
            self._said = time.monotonic()
            self.say(f"step {event['step']}/{self.steps}  {text}")

    def summary(self, step: int) -> str:
        """Loss, gradient, pace, time left, and the share of it that was spent waiting for data, lately."""
        mean = {
            key: sum(one[key] for one in self._recent) / len(self._recent)
            for key in ("loss", "norm", "seconds")
        }
        waited = sum(one["waited"] for one in self._recent) / max(
            sum(one["seconds"] for one in self._recent), 1e-9
        )
        left = (self.steps - step) * mean["seconds"]
        pace = self._recent[-1]["samples"] / max(mean["seconds"], 1e-9)
        return (
            f"loss {mean['loss']:.4f}  gradient {mean['norm']:.2f}  {pace:.1f} samples/s  "
            f"{duration(left)} left" + (f"  {waited:.0%} waiting for data" if waited > 0.02 else "")
        ) + self._use()

    def _use(self) -> str:
        """Of a GPU how much of its peak is used, and its memory: on a CPU neither says what to do."""
        if self.device == "cpu":
            return ""
        share = sum(one["mfu"] for one in self._recent) / len(self._recent)
        return f"  {share:.0%} of the peak, {size(self._recent[-1]['memory'])}"
