"""What a run shows reaches a real Prefect server also when that goes away in between; nothing of it fails the run."""

import contextlib
import logging
import socket
import threading
import time
from collections.abc import Iterator
from urllib.parse import urlsplit

import pytest
from prefect import flow
from prefect.settings import PREFECT_API_URL, temporary_settings

from flows.reports import Reports, key_of, plain
from tests.flows.prefect_api import Api, until


class Road:
    """A port of ours that leads to the server, and that can be closed: to its clients the server is gone."""

    def __init__(self, server: str) -> None:
        self._to = (urlsplit(server).hostname, urlsplit(server).port)
        self._open: list[socket.socket] = []
        self._door = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._door.getsockname()[1]}/api"
        self.open()

    def open(self) -> None:
        if self._door.fileno() < 0:
            self._door = socket.create_server(("127.0.0.1", urlsplit(self.url).port))
        threading.Thread(target=self._serve, args=(self._door,), daemon=True).start()

    def close(self) -> None:
        for one in (self._door, *self._open):
            with contextlib.suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)
            one.close()
        self._open.clear()

    def _serve(self, door: socket.socket) -> None:
        with contextlib.suppress(OSError):  # closed
            while True:
                client, server = door.accept()[0], socket.create_connection(self._to)
                self._open += [client, server]
                for a, b in ((client, server), (server, client)):
                    threading.Thread(target=_carry, args=(a, b), daemon=True).start()


def _carry(a: socket.socket, b: socket.socket) -> None:
    with contextlib.suppress(OSError):
        while some := a.recv(65536):
            b.sendall(some)
    with contextlib.suppress(OSError):
        b.shutdown(socket.SHUT_RDWR)


@pytest.fixture
def road(prefect_env: dict[str, str]) -> Iterator[Road]:
    road = Road(prefect_env["PREFECT_API_URL"])
    with temporary_settings({PREFECT_API_URL: road.url}):
        yield road  # which stays open, for what Prefect's own threads still have to tell


@pytest.fixture
def said() -> Iterator[list[str]]:
    """What the run logs, which Prefect keeps from pytest."""
    heard: list[str] = []
    log, ear = logging.getLogger("prefect.flow_runs"), logging.Handler()
    ear.emit = lambda record: heard.append(record.getMessage())  # type: ignore[method-assign]
    before = log.level
    log.setLevel(logging.INFO)
    log.addHandler(ear)
    yield heard
    log.removeHandler(ear)
    log.setLevel(before)


@pytest.fixture
def direct(prefect_env: dict[str, str]) -> Api:
    return Api(prefect_env["PREFECT_API_URL"], prefect_env)


def test_what_a_server_missed_is_sent_when_it_answers_again_and_the_run_ends_well(
    road: Road, direct: Api, said: list[str]
) -> None:
    took: list[float] = []

    @flow(name="outage")
    def outage() -> str:
        with Reports() as reports:
            reports.progress("t-ingest", 10.0, "ingest: 1 of 10")
            run = until(lambda: direct.run_of("t-ingest"), 10, lambda: "no artifact")
            road.close()
            began = time.monotonic()
            for done in range(2, 10):
                reports.progress("t-ingest", 10.0 * done, f"ingest: {done} of 10")
            reports.page("t-manifest", "# v0")
            reports.page("t-manifest", "# v1")
            reports.table("t-funnel", [{"stage": "ingest", "out": 9}])
            took.append(time.monotonic() - began)
            threading.Timer(3, road.open).start()
        return run

    run = outage()
    made = direct.artifacts(run)
    assert took[0] < 0.5, "the run waits for no report"
    assert made["t-ingest"]["data"] == 90.0
    assert made["t-ingest"]["description"] == "ingest: 9 of 10", "the newest"
    assert made["t-manifest"]["data"] == "# v1"
    assert "ingest" in made["t-funnel"]["data"]
    assert direct.state(run)[0] == "COMPLETED"
    told = [one for one in said if "the Prefect server" in one]
    assert len([one for one in told if "does not answer" in one]) == 1, "said once, and not at every attempt"
    assert len([one for one in told if "answers again" in one]) == 1


def test_a_report_that_the_server_refuses_is_dropped_and_the_next_one_arrives(
    road: Road, direct: Api, said: list[str]
) -> None:
    @flow(name="refused")
    def refused() -> None:
        with Reports(patience_s=20) as reports:
            reports.page("No Key", "x")
            reports.page("t-good", "y")

    refused()
    assert direct.run_of("t-good")
    assert any("does not take No Key" in one for one in said)


def test_who_is_impatient_does_not_wait_for_a_server_that_stays_away(road: Road) -> None:
    @flow(name="impatient")
    def impatient() -> float:
        with Reports() as reports:
            road.close()
            reports.page("t-lost", "x")
            reports.hurry()
            began = time.monotonic()
        assert not [one for one in threading.enumerate() if one.name == "reports"], (
            "Python may crash where it ends beside a thread that is sending"
        )
        took = time.monotonic() - began
        road.open()
        return took

    assert impatient() < 20


def test_keys_tell_catalogs_apart_and_are_such_as_prefect_takes() -> None:
    assert key_of("/data/demo/catalog", "v3", "manifest").startswith("demo-catalog-")
    assert key_of("/data/demo/catalog", "v3") != key_of("/more/demo/catalog", "v3")
    assert plain(key_of("s3://Bucket/Über uns", "v1")) == key_of("s3://Bucket/Über uns", "v1")
