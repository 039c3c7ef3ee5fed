"""Records a night of `redub serve`, with everything that goes wrong in it: prints what happens, and pictures the UI.

pip install --target FOLDER playwright      # and a Chromium at /usr/bin/chromium
PYTHONPATH=.:FOLDER python docs/night.py NEW_FOLDER

Everything is real: the service, its schedule, kill -9, the runs. It stands in for systemd, whose part it plays: it
waits for READY=1, and starts the service again when it has ended.
"""

import io
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.request import Request, urlopen

from PIL import Image
from playwright.sync_api import Page, sync_playwright

from flows.demo.corpus import SHORT, make_corpus
from flows.recipes import RECIPES
from flows.reports import key_of
from flows.run.graph import nodes_of, stages_of
from storage.ledger.catalog import Catalog
from storage.versions.version import tags
from tests.flows.prefect_api import Api, processes, until

DOCS, PORT = Path(__file__).parent, 4873
WIDTH, HEIGHT = 1280, 900
BASE = f"http://127.0.0.1:{PORT}"


def say(what: str) -> None:
    """With the time."""
    print(time.strftime("%H:%M:%S"), what, flush=True)


class Manager:
    """What systemd does for a unit of `Type=notify` and `Restart=always`."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.env = {
            **os.environ, "PREFECT_HOME": str(folder / "prefect"), "PYTHONPATH": str(DOCS.parent),
            "PYTHONUNBUFFERED": "1", "COLUMNS": "100", "NOTIFY_SOCKET": str(folder / "notify"),
        }  # fmt: skip
        self.env.pop("PREFECT_API_URL", None)
        self.told = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.told.bind(str(folder / "notify"))
        self.told.settimeout(300)

    def start(self) -> None:
        """Until it has told that it is ready."""
        say(f"manager: redub serve --port {PORT}")
        self.running = subprocess.Popen(
            [sys.executable, "-m", "flows", "serve", "--port", str(PORT)], cwd=self.folder, env=self.env,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, start_new_session=True,
        )  # fmt: skip
        threading.Thread(target=_said, args=(self.running.stdout,), daemon=True).start()
        say(f"manager: the service has told {self.told.recv(100).decode()}")

    def process(self, words: str) -> int:
        """The one process of the service with these words in its command."""
        return next(pid for pid, command in processes(f"{BASE}/api") if words in command)

    def kill(self, words: str, called: str) -> None:
        """As the kernel does where memory runs out."""
        say(f"kill -9 {called}")
        os.kill(self.process(words), signal.SIGKILL)


def _said(lines: Any) -> None:
    for line in lines:
        if line.strip():
            say(f"service: {line.rstrip()}")


class Night:
    """One catalog, its runs, and who looks at them."""

    def __init__(self, folder: Path, manager: Manager, page: Page) -> None:
        self.manager, self.page = manager, page
        self.api = Api(f"{BASE}/api", manager.env)
        self.catalog = Catalog(str(folder / "catalog"))
        self.asked = {
            "sources": str(folder / "videos"), "catalog": self.catalog.root, "recipe": "world",
            "overrides": ["companion=off"],
        }  # fmt: skip

    def picture(self, name: str, path: str, height: int = HEIGHT, ready: str = "") -> None:
        """docs/night-NAME.jpg: a page of the UI, once it shows this text and stands still."""
        self.page.set_viewport_size({"width": WIDTH, "height": height})
        self.page.goto(f"{BASE}/v2{path}")
        self.page.wait_for_load_state("load")
        if ready:
            self.page.get_by_text(ready).first.wait_for(timeout=30_000)
        self.page.wait_for_timeout(4_000)
        drawn = Image.open(io.BytesIO(self.page.screenshot())).convert("RGB")
        drawn.save(DOCS / f"night-{name}.jpg", quality=70, optimize=True)
        self.page.goto("about:blank")  # the page would go on drawing
        say(f"picture: night-{name}.jpg")

    def run_page(self, name: str, run: str, height: int = HEIGHT) -> None:
        """A run's page."""
        self.picture(name, f"/runs/flow-run/{run}", height, self.name(run))

    def artifact(self, name: str, key: str) -> None:
        """The newest page of this key."""
        found = self.api("/artifacts/latest/filter", {"artifacts": {"key": {"any_": [key]}}})
        self.picture(name, f"/artifacts/artifact/{found[0]['latest_id']}", 1500)

    def name(self, run: str) -> str:
        return str(self.api(f"/flow_runs/{run}")["name"])

    def states(self, run: str) -> list[str]:
        return [one["name"] for one in self.api(f"/flow_run_states/?flow_run_id={run}")]

    def rows(self) -> int:
        """How many clips are cut."""
        node = next(one for one in nodes_of(stages_of(RECIPES["world"])) if one.name == "ingest")
        return self.catalog.table(node).select(None, ["item_id"]).num_rows

    def until(self, check: Callable[[], Any], seconds: float = 180) -> Any:
        return until(check, seconds, lambda: "it did not come")

    def ends(self, run: str) -> None:
        """Waits for it, and says how."""
        kind, message = self.api.wait(run, "COMPLETED", "CANCELLED", "FAILED", seconds=600)
        say(f"{self.name(run)}: {' > '.join(self.states(run))}")
        say(f"{self.name(run)}: {kind.lower()}{', ' if message else ''}{message}")

    def cancel(self, run: str) -> None:
        """As the button of the UI does."""
        say(f"cancelled in the UI: {self.name(run)}")
        self.api(f"/flow_runs/{run}/set_state", {"state": {"type": "CANCELLING", "name": "Cancelling"}})
        self.ends(run)

    def stages(self, run: str) -> None:
        found = self.api("/task_runs/filter", {"flow_runs": {"id": {"any_": [run]}}})
        for one in found:
            say(f"  {one['name']}: {one['state']['name']}, {one['state']['message'] or ''}")

    def scheduled(self) -> str:
        """Has the nightly deployment rebuild this catalog within a minute, as its page in the UI lets you."""
        nightly = self.api("/deployments/name/rebuild/nightly")
        (slug,) = (one["slug"] for one in nightly["schedules"])
        soon = datetime.now(UTC) + timedelta(seconds=75)
        cron = {"cron": f"{soon.minute} {soon.hour} * * *", "timezone": "UTC"}
        change = {"parameters": self.asked, "schedules": [{"slug": slug, "schedule": cron, "active": True}]}
        _patch(f"{BASE}/api/deployments/{nightly['id']}", change)
        say(f"rebuild/nightly is due at {soon:%H:%M} UTC, daily")
        where = {"deployment_id": {"any_": [nightly["id"]]}, "state": {"type": {"any_": ["RUNNING"]}}}
        found = self.until(lambda: self.api("/flow_runs/filter", {"flow_runs": where}))
        say(f"{found[0]['name']}: begun by the schedule")
        return str(found[0]["id"])


def _patch(url: str, body: Any) -> None:
    sent = json.dumps(body).encode()
    request = Request(url, sent, {"Content-Type": "application/json"}, method="PATCH")  # noqa: S310 - this service's
    urlopen(request, timeout=30).close()  # noqa: S310


def rebuilds(night: Night) -> None:
    """A nightly rebuild that loses its worker and its server, is cancelled, and is finished by the next one."""
    deployment = night.api("/deployments/name/rebuild/on-demand")["id"]
    night.picture("form", f"/deployments/deployment/{deployment}/run", 1560, "sources")
    nightly = night.scheduled()
    night.until(lambda: night.rows() > 2)
    night.run_page("running", nightly)
    night.manager.kill("worker start", "the worker")
    night.until(lambda: "Goes on" in night.states(nightly) and night.api.state(nightly)[0] == "RUNNING")
    say(f"{night.name(nightly)}: {' > '.join(night.states(nightly))}; {night.rows()} clips are cut")
    second = night.api.trigger("on-demand", **night.asked)
    night.ends(second)
    night.picture("refused", f"/runs/flow-run/{second}", ready="refused: ")
    night.manager.kill("server start", "the Prefect server")
    time.sleep(2)
    night.until(lambda: _answers(night.api))
    say(f"the server answers again; {night.rows()} clips are cut")
    night.cancel(nightly)
    night.stages(nightly)
    night.picture("cancelled", f"/runs/flow-run/{nightly}?tab=TaskRuns", 1300, night.name(nightly))
    last = night.api.trigger("on-demand", **night.asked)
    say(f"{night.name(last)}: begun by hand")
    night.ends(last)
    night.stages(last)
    night.run_page("finished", last)
    for kind in ("lineage", "manifest"):
        night.artifact(kind, key_of(night.catalog.root, tags(night.catalog)[-1], kind))


def trainings(night: Night) -> None:
    """One on the version just made: the service dies under it, it goes on, is cancelled, and is ended by another run."""
    asked = {
        "catalog": night.catalog.root, "data": "v1", "run": "nightly",
        "overrides": ["init=mini:generator", "steps=60", "batch=4", "save_every=5", "validate_on=2"],
    }  # fmt: skip
    run = night.api.trigger("on-demand", "train-generator", **asked)
    say(f"{night.name(run)}: a training, begun by hand")
    saved = night.catalog.root + "/trainings/nightly"
    night.until(lambda: sorted(Path(saved).glob("step-*")), 300)
    night.run_page("training", run)
    say("kill -9 redub serve")
    night.manager.running.kill()
    night.manager.running.wait()
    time.sleep(5)
    night.manager.start()
    night.until(lambda: "Goes on" in night.states(run) and night.api.state(run)[0] == "RUNNING")
    before = len(list(Path(saved).glob("step-*")))
    say(f"{night.name(run)}: {' > '.join(night.states(run))}; {before} checkpoints")
    time.sleep(20)
    night.cancel(run)
    again = night.api.trigger("on-demand", "train-generator", **asked)
    say(f"{night.name(again)}: the same name again")
    night.ends(again)
    night.run_page("trained", again)
    night.artifact("curves", key_of(night.catalog.root, "nightly", "page"))


def _answers(api: Api) -> bool:
    try:
        return api("/health") is True
    except OSError:
        return False


def main(folder: Path) -> None:
    """From a started service to one that has ended in order."""
    folder.mkdir(parents=True)
    make_corpus(folder / "videos", people=8, takes=2, broken=2, **SHORT)
    manager = Manager(folder)
    manager.start()
    with sync_playwright() as browsers:
        browser = browsers.chromium.launch(executable_path="/usr/bin/chromium", args=["--no-sandbox"])
        night = Night(folder, manager, browser.new_page())
        try:
            rebuilds(night)
            trainings(night)
            say("manager: SIGTERM")
            manager.running.send_signal(signal.SIGTERM)
            say(f"manager: the service ended with {manager.running.wait(120)}")
        finally:
            manager.running.kill()
            browser.close()


if __name__ == "__main__":
    main(Path(sys.argv[1]).absolute())
