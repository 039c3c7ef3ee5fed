"""A registry of PyPI and npm on this machine, packages made by hand, and an environment without the user's own settings."""

import base64
import hashlib
import io
import json
import os
import random
import tarfile
import threading
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from hashlib import sha256
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

WEIGHTS = random.Random(1).randbytes(2_000_000)
"""So large that what pip writes at once, 256 KB, is a small part of it."""
SHA = sha256(WEIGHTS).hexdigest()
OTHER = random.Random(2).randbytes(1000)
OTHER_SHA = sha256(OTHER).hexdigest()
FILES = {
    "net/data/net.onnx": WEIGHTS,
    "net/data/small.tflite": OTHER,
    "net/__init__.py": b"raise SystemExit\n",
}


def wheel(name: str = "net", version: str = "1.0", files: dict[str, bytes] = FILES) -> bytes:
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED) as packed:
        for path, content in files.items():
            packed.writestr(path, content)
        about = f"{name}-{version}.dist-info"
        packed.writestr(
            f"{about}/METADATA",
            f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\nRequires-Python: >=3.9\n",
        )
        packed.writestr(f"{about}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        packed.writestr(f"{about}/RECORD", "")
    return made.getvalue()


def tgz(files: dict[str, bytes], folder: str = "package/") -> bytes:
    made = io.BytesIO()
    with tarfile.open(fileobj=made, mode="w:gz") as packed:
        for path, content in files.items():
            member = tarfile.TarInfo(folder + path)
            member.size = len(content)
            packed.addfile(member, io.BytesIO(content))
    return made.getvalue()


def page(*names: str) -> bytes:
    links = "".join(f'<a href="/files/{name}">{name}</a>\n' for name in names)
    return f"<!DOCTYPE html><html><body>{links}</body></html>".encode()


class Registry(ThreadingHTTPServer):
    """Answers with `files`, by path: a status and a body. A `password` is wanted where there is one.

    What is under /files/ ends after `cut` bytes, and its second half waits for `goes_on`.
    """

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.files: dict[str, tuple[int, bytes]] = {}
        self.asked: list[str] = []
        self.password = ""
        self.cut: int | None = None
        self.goes_on = threading.Event()
        self.goes_on.set()
        self.url = f"http://127.0.0.1:{self.server_port}"
        self.publish("net", "net-1.0-py3-none-any.whl", wheel())

    def publish(self, project: str, name: str, body: bytes) -> None:
        self.files[f"/simple/{project}/"] = (200, page(name))
        self.files[f"/files/{name}"] = (200, body)

    def publish_npm(self, name: str, version: str, body: bytes, integrity: bytes | None = None) -> None:
        promised = base64.b64encode(
            hashlib.sha512(body if integrity is None else integrity).digest()
        ).decode()
        dist = {"tarball": f"{self.url}/files/{name}.tgz", "integrity": f"sha512-{promised}"}
        about = {"name": name, "version": version, "dist": dist}
        listing = {"name": name, "dist-tags": {"latest": version}, "versions": {version: about}}
        self.files["/" + name.replace("/", "%2f")] = (200, json.dumps(listing).encode())
        self.files[f"/files/{name}.tgz"] = (200, body)

    def downloads(self) -> int:
        return sum(path.startswith("/files/") for path in self.asked)


class _Handler(BaseHTTPRequestHandler):
    server: Registry

    def log_message(self, *_: object) -> None:
        pass

    def do_CONNECT(self) -> None:
        self._answer(407, b"")

    def do_GET(self) -> None:
        self.server.asked.append(self.path)
        if self.server.password and self.headers.get("Authorization") != self.server.password:
            return self._answer(401, b"who are you?")
        fixed = self.path.split("/")[1]
        if fixed.isdigit():
            return self._answer(int(fixed), b"")
        if fixed == "login":
            return self._answer(200, b"<html><body><form>Your name, please</form></body></html>")
        return self._answer(*self.server.files.get(self.path.replace("%2F", "%2f"), (404, b"{}")))

    def _answer(self, status: int, body: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.send_header("Content-Type", "text/html" if self.path.endswith("/") else "application/json")
        if status == 401:
            self.send_header("WWW-Authenticate", 'Basic realm="registry"')
        self.end_headers()
        if self.path.startswith("/files/"):
            body = body[: self.server.cut]
            self.wfile.write(body[: len(body) // 2])
            self.wfile.flush()
            self.server.goes_on.wait(200)
            body = body[len(body) // 2 :]
        self.wfile.write(body)


@contextmanager
def serving() -> Iterator[Registry]:
    with Registry() as running:
        threading.Thread(target=running.serve_forever, args=(0.01,), daemon=True).start()
        yield running
        running.goes_on.set()
        running.shutdown()


def on_its_own(monkeypatch: pytest.MonkeyPatch, folder: Path) -> None:
    """No setting of this machine's pip, uv or npm counts, and a cache of one's own."""
    for name in list(os.environ):
        if name.upper().startswith(("PIP_", "UV_", "NPM_CONFIG_")) or name.lower().endswith("_proxy"):
            monkeypatch.delenv(name)
    for name, value in {
        "REDUB_MODELS": folder / "cache", "HOME": folder / "home", "PIP_CONFIG_FILE": os.devnull, "PIP_RETRIES": 0,
        "npm_config_userconfig": folder / "npmrc", "npm_config_globalconfig": folder / "none",
        "npm_config_cache": folder / "npm", "npm_config_fetch_retries": 0, "npm_config_update_notifier": "false",
        "npm_config_audit": "false",
    }.items():  # fmt: skip
        monkeypatch.setenv(name, str(value))
    (folder / "home").mkdir()
