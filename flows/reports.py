"""What a run shows in the Prefect UI, sent by a thread of its own: a server that is away delays it, and fails nothing.

    with Reports() as reports:
        reports.progress("demo-ingest", 40.0, "ingest: 4 of 10 items")
        reports.page("demo-v3-manifest", "# Dataset v3")

Of each key the newest is kept until the server has taken it. Leaving waits for that, and for a server that answers:
Prefect fails a run that it can't be told the end of.
"""

import hashlib
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from contextvars import copy_context
from types import TracebackType
from typing import Any, Self, cast
from uuid import UUID

from prefect import get_run_logger
from prefect.artifacts import (
    create_markdown_artifact,
    create_progress_artifact,
    create_table_artifact,
    update_progress_artifact,
)
from prefect.client.orchestration import get_client
from prefect.events import emit_event
from prefect.exceptions import ObjectNotFound
from prefect.settings import PREFECT_CLIENT_MAX_RETRIES, PREFECT_UI_URL, temporary_settings

AGAIN_S = 2.0
"""From one attempt to the next while the server is away."""
PATIENCE_S = 3600.0
"""So long a run that is over waits for a server that is away. It holds nothing but its own process meanwhile."""
IN_TERMINAL_S = 60.0
"""The same where somebody looks on."""
HURRY_S = 5.0
"""So long one waits that was told to stop."""
ATTEMPT_S = 10.0
"""So long the last attempt may take. A process that ends meanwhile may crash: Python stops threads in compiled code."""
ASKED_AGAIN = (408, 429)
"""Answers that are no refusals: too slow, too many."""

Send = Callable[[], Any]


class Reports:
    """Made inside of a flow run; its methods are called from the flow or its tasks, and return at once."""

    def __init__(self, patience_s: float = PATIENCE_S) -> None:
        self.patience_s = patience_s
        self._waiting: dict[str, Send] = {}
        self._progress: dict[str, UUID] = {}
        self._news = threading.Condition()
        self._closing = self._away = False
        self._over = threading.Event()
        self._log = get_run_logger()
        within = copy_context()
        self._thread = threading.Thread(target=within.run, args=(self._work,), name="reports", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is not None and not issubclass(kind, Exception):
            self.hurry()
        until = time.monotonic() + self.patience_s
        with self._news:
            self._closing = True
            self._news.notify()
        self._thread.join(self.patience_s)
        self._over.set()
        self._thread.join(ATTEMPT_S)
        if self._waiting:
            self._log.warning("the Prefect server was not told: %s", ", ".join(self._waiting))
        await_server(until - time.monotonic())

    def hurry(self) -> None:
        """Whoever was told to stop waits a moment only."""
        self.patience_s = min(self.patience_s, HURRY_S)

    # -- what is shown ---------------------------------------------------------------------------------

    def progress(self, key: str, share: float, told: str) -> None:
        """How far something is, of a hundred."""
        self._put(key, lambda: self._send_progress(key, share, told))

    def page(self, key: str, markdown: str, told: str | None = None) -> None:
        """A text with headings, tables and pictures."""
        self._put(key, lambda: create_markdown_artifact(markdown, key=key, description=told))

    def table(self, key: str, rows: Sequence[Mapping[str, Any]], told: str | None = None) -> None:
        """Rows of the same columns."""
        plain = [dict(row) for row in rows]
        self._put(key, lambda: create_table_artifact(plain, key=key, description=told))

    def event(self, name: str, resource: dict[str, str], payload: dict[str, Any]) -> None:
        """Something for automations; Prefect's own thread for events would lose it while the server is away."""

        def send() -> None:
            if error := get_client(sync_client=True).api_healthcheck():
                raise error
            emit_event(event=name, resource=resource, payload=payload)

        self._put(name, send)

    # -- how it gets there -----------------------------------------------------------------------------

    def _put(self, key: str, send: Send) -> None:
        within = copy_context()  # the flow or task run that the server is to show it at
        with self._news:
            self._waiting[key] = lambda: within.copy().run(_once, send)
            self._news.notify()

    def _work(self) -> None:
        while True:
            with self._news:
                self._news.wait_for(lambda: self._waiting or self._closing)
                if not self._waiting:
                    return
                key, send = next(iter(self._waiting.items()))
            if self._sent(key, send):
                with self._news:
                    if self._waiting[key] is send:  # and nothing newer came meanwhile
                        del self._waiting[key]
            elif self._over.wait(AGAIN_S):
                return

    def _sent(self, key: str, send: Send) -> bool:
        """False: to be tried again."""
        try:
            send()
        except Exception as error:  # noqa: BLE001 - whatever keeps a report from a server is no fault of the run's
            if refused(error):
                self._log.warning("the Prefect server does not take %s: %s", key, error)
                return True
            self._told_of(error)
            return False
        if self._away:
            self._away = False
            self._log.info("the Prefect server answers again; what it missed is sent")
        return True

    def _told_of(self, error: Exception) -> None:
        if not self._away:
            self._away = True
            self._log.warning(
                "the Prefect server does not answer (%s); the run goes on, and what it shows is sent later",
                str(error) or type(error).__name__,
            )

    def _send_progress(self, key: str, share: float, told: str) -> None:
        if key in self._progress:
            try:
                update_progress_artifact(self._progress[key], share, told)
                return
            except ObjectNotFound:  # a server that came back without what it knew
                del self._progress[key]
        self._progress[key] = cast("UUID", create_progress_artifact(share, key, told))


def key_of(root: str, *parts: str) -> str:
    """The key of an artifact of a catalog: the end of its address, so that a person knows it, and a digest of all of it.

    Prefect's keys hold small letters, digits and dashes.
    """
    own = hashlib.blake2b(root.encode(), digest_size=2).hexdigest()
    return plain("-".join([*root.rstrip("/").split("/")[-2:], own, *parts]))


def plain(name: str) -> str:
    """A name as Prefect's keys may hold it."""
    return "-".join("".join(one if one.isascii() and one.isalnum() else " " for one in name.lower()).split())


def link(key: str) -> str:
    """Where the UI shows an artifact. Prefect's older UI, at the bare address, draws no Mermaid."""
    return f"{PREFECT_UI_URL.value() or ''}/v2/artifacts/key/{key}"


def await_server(patience_s: float = PATIENCE_S) -> bool:
    """Waits until the server of the flow run that this is called from answers; False when it took too long."""
    until, log = time.monotonic() + patience_s, get_run_logger()
    client, told = get_client(sync_client=True), False
    while error := _once(client.api_healthcheck):
        if time.monotonic() > until:
            return False
        if not told:
            told = True
            log.warning("waiting for the Prefect server (%s)", error)
        time.sleep(AGAIN_S)
    return True


def _once(send: Callable[[], Any]) -> Any:
    """Without the client's own further attempts, which take a minute."""
    with temporary_settings({PREFECT_CLIENT_MAX_RETRIES: 0}):
        return send()


def refused(error: Exception) -> bool:
    """Whether the server answered, and will give the same answer again."""
    status = getattr(getattr(error, "response", None), "status_code", None)
    if status is None:
        return isinstance(error, (TypeError, ValueError, ObjectNotFound))
    return 400 <= status < 500 and status not in ASKED_AGAIN
