"""Runs a bootstrap in this process, for a person at a terminal: what it will do, each step, and what there is then."""

from collections.abc import Callable, Sequence
from contextlib import nullcontext

from flows.bootstrapping.asked import Asked
from flows.bootstrapping.chain import begun, go_on
from flows.bootstrapping.made import Made, row_of
from flows.bootstrapping.report import as_plain, outlook, rows_of
from flows.bootstrapping.steps import Chain, Step
from flows.foreground.checked import rebuild_checked
from flows.foreground.training import resume_in_foreground, train_in_foreground
from flows.terminal.console import console, print_json, problems, table_of_columns, told_on_stderr
from flows.terminal.plain_text import escape

STOPPED = "stopped; the same command goes on"


def bootstrap_in_foreground(asked: Asked, as_json: bool = False) -> bool:
    """False when a person stopped it. What can't be done is raised, when it was told what there is."""
    chain, state, message = None, "failed", ""
    try:
        with told_on_stderr() if as_json else nullcontext():
            chain = begun(asked)
            state, message = ("finished", "") if _gone_on(chain) else ("stopped", STOPPED)
    except KeyboardInterrupt:  # between steps, while something starts, or a second one within a step
        state, message = "stopped", STOPPED
    except Exception as error:
        message = str(error)
        raise
    finally:
        if as_json:
            print_json(as_plain(asked, chain, state, message))
    if message:
        problems.print(f"[yellow]redub:[/] {message}")
    return state == "finished"


def _gone_on(chain: Chain) -> bool:
    _show_outlook(chain)
    try:
        return go_on(chain, InForeground())
    finally:
        _show_made(chain)


class InForeground:
    """Does steps as `redub rebuild` and `redub train` do."""

    def rebuild(self, asked: Asked, settings: Sequence[str]) -> str | None:
        """Ctrl-C commits what is done."""
        return rebuild_checked(
            asked.source, asked.catalog, asked.recipe, settings, asked.profile, asked.licence, asked.consent,
            asked.anyway,
        )  # fmt: skip

    def train(self, asked: Asked, kind: str, data: str, init: str) -> bool:
        """Ctrl-C writes a checkpoint."""
        run = asked.run(kind)
        if row_of(asked.tables, run):
            return resume_in_foreground(asked.catalog, run, asked.profile, False)
        return train_in_foreground(
            kind, asked.catalog, data, asked.trainings_recipe, asked.changes(kind, init), asked.profile, run, False
        )  # fmt: skip

    def say(self, what: str) -> None:
        """As a training says that it is checked."""
        console.print(f"{what} ...", markup=False, soft_wrap=True)

    def take(self, step: Step, work: Callable[[], Made | None]) -> Made | None:
        """Below a headline."""
        console.print(f"\n[bold]{step.name}[/]: {escape(step.makes)}", soft_wrap=True)
        return work()


def _show_outlook(chain: Chain) -> None:
    console.print(
        f"Bootstrap {chain.asked.name} of {chain.asked.source} in {chain.catalog.root}", markup=False, soft_wrap=True
    )  # fmt: skip
    table = table_of_columns(("step", "left"), ("makes", "left"), ("standing", "left"), ("takes", "left"))
    for one in outlook(chain):
        table.add_row(one.step, one.makes, escape(one.standing), one.rough)
    console.print(table)


def _show_made(chain: Chain) -> None:
    table = table_of_columns(("step", "left"), ("made", "left"), ("minutes", "right"), ("metrics", "left"))
    for row in rows_of(chain):
        table.add_row(*map(escape, row))
    console.print()
    console.print(table)
