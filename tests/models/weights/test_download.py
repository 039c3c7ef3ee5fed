"""Pulling weights from servers that resume, cut off, lie, or stand in for the hub. All on this machine."""

import json
import re
import threading
from hashlib import sha256
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
import torch

from models.weights.digests import digest
from models.weights.download import pinned, pull
from models.weights.references import ModelError, cache, parse, resolve

DATA = bytes(range(256)) * 20_000
SHA = sha256(DATA).hexdigest()
COMMIT = "c" * 40


class Server(ThreadingHTTPServer):
    """`files` by path; connections end after `limit` bytes of body."""

    def __init__(self):
        super().__init__(("127.0.0.1", 0), Handler)
        self.files, self.limit, self.ranges, self.heed_ranges = {"/file.onnx": DATA}, None, [], True
        self.url = f"http://127.0.0.1:{self.server_port}"


class Handler(BaseHTTPRequestHandler):
    server: Server

    def log_message(self, *_):
        pass

    def do_HEAD(self):
        self.do_GET()

    def do_GET(self):
        path = self.path.partition("?")[0]
        if path not in self.server.files:
            return self.send_error(404)
        body, said = self.server.files[path], self.headers.get("Range")
        self.server.ranges.append(said)
        start = int(re.match(r"bytes=(\d+)-", said)[1]) if said and self.server.heed_ranges else 0
        if start >= len(body) > 0:
            return self.send_error(416)
        self.send_response(206 if start else 200)
        self.send_header("Content-Length", str(len(body) - start))
        self.send_header("Content-Type", "application/json")
        if path.startswith("/org/"):
            self.send_header("ETag", f'"{sha256(body).hexdigest()}"')
            self.send_header("X-Repo-Commit", COMMIT)
        self.end_headers()
        if self.command == "GET":
            self.wfile.write(body[start:][: self.server.limit])
        return None


@pytest.fixture
def server(tmp_path, monkeypatch):
    monkeypatch.setenv("REDUB_MODELS", str(tmp_path / "cache"))
    with Server() as running:
        threading.Thread(target=running.serve_forever, args=(0.01,), daemon=True).start()
        yield running
        running.shutdown()


def get(reference):
    told = []
    return pull(parse(reference), lambda *numbers: told.append(numbers)), told


def left_over():
    return [path for path in cache().rglob("*") if path.is_file() and not path.name.endswith(".lock")]


def test_a_file_is_pulled_checked_and_then_there(server):
    reference = f"{server.url}/file.onnx#sha256={SHA}"
    with pytest.raises(ModelError, match="redub models pull"):
        resolve(reference)
    path, told = get(reference)
    assert path == resolve(reference)
    assert path.read_bytes() == DATA
    assert digest(reference) == SHA
    assert told[-1] == (len(DATA), len(DATA))
    get(reference)
    assert len(server.ranges) == 1  # what is there is not fetched again
    assert left_over() == [path]


def test_what_is_cut_off_goes_on_where_it_ended(server):
    server.limit = len(DATA) // 3
    path, _ = get(f"{server.url}/file.onnx#sha256={SHA}")
    assert path.read_bytes() == DATA
    assert server.ranges[0] is None
    assert server.ranges[1] == f"bytes={server.limit}-"


def test_one_that_stays_cut_off_says_so_and_the_same_command_goes_on(server):
    reference = f"{server.url}/file.onnx#sha256={SHA}"
    server.limit = 1000
    with pytest.raises(ModelError, match=r"ended after 5,000 bytes; the same command goes on"):
        get(reference)
    with pytest.raises(ModelError, match="redub models pull"):
        resolve(reference)
    server.limit = None
    path, _ = get(reference)
    assert server.ranges[-1] == "bytes=5000-"
    assert path.read_bytes() == DATA


def test_a_server_that_cannot_resume_sends_all_of_it_again(server):
    reference = f"{server.url}/file.onnx#sha256={SHA}"
    server.limit = 1000
    with pytest.raises(ModelError, match="ended after"):
        get(reference)
    server.limit, server.heed_ranges = None, False
    assert get(reference)[0].read_bytes() == DATA


def test_other_content_than_promised_is_deleted_and_named(server):
    server.files["/file.onnx"] = b"someone else's weights"
    found = sha256(b"someone else's weights").hexdigest()
    with pytest.raises(
        ModelError, match=f"(?s)file.onnx of {server.url}.*expected sha256 {SHA}, found {found}"
    ):
        get(f"{server.url}/file.onnx#sha256={SHA}")
    assert left_over() == []


def test_weights_that_change_after_the_pull_are_noticed(server):
    reference = f"{server.url}/file.onnx#sha256={SHA}"
    path, _ = get(reference)
    path.write_bytes(DATA[:-1] + b"!")
    with pytest.raises(ModelError, match=r"not what .* names any more.*redub models pull"):
        digest(reference)


@pytest.mark.parametrize(("address", "said"), [("/gone.onnx", "answers 404"), ("", "cannot be reached")])
def test_a_server_that_does_not_have_it_or_is_not_there(server, address, said):
    url = f"{server.url}{address}" if address else "http://127.0.0.1:9/file.onnx"
    with pytest.raises(ModelError, match=said):
        get(f"{url}#sha256={SHA}")


def test_a_pickle_must_hold_tensors_alone(server, tmp_path):
    for name, content in (("good.pt", {"w": torch.ones(2)}), ("evil.pt", {"w": Handler})):
        torch.save(content, tmp_path / name)
        server.files[f"/{name}"] = (tmp_path / name).read_bytes()
    good, evil = (
        f"{server.url}/{name}#sha256={sha256(server.files[f'/{name}']).hexdigest()}"
        for name in ("good.pt", "evil.pt")
    )
    assert get(good)[0].name == "good.pt"
    with pytest.raises(ModelError, match="holds more than tensors"):
        get(evil)
    assert {path.name for path in left_over()} == {"good.pt"}


# -- the hub -------------------------------------------------------------------------------------------


@pytest.fixture
def hub(server, monkeypatch):
    """A repository of the hub: two weights, a pickle, code, and a folder with weights of its own."""
    monkeypatch.setattr("huggingface_hub.constants.ENDPOINT", server.url)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_DISABLE_XET", True)
    monkeypatch.setattr(
        "huggingface_hub.constants.HUGGINGFACE_CO_URL_TEMPLATE",
        server.url + "/{repo_id}/resolve/{revision}/{filename}",
    )
    files = {
        "config.json": b"{}",
        "model.safetensors": b"large" * 1000,
        "pytorch_model.bin": b"pickle",
        "modeling.py": b"import os",
        "vae/model.safetensors": b"small" * 1000,
        "vae/config.json": b"{}",
    }
    return publish(server, files)


def publish(server, files):
    def entry(name, body):
        large = not name.endswith((".json", ".py"))
        digests = {"oid": sha256(body).hexdigest(), "size": len(body), "pointerSize": 130}
        return {
            "type": "file", "path": name, "rfilename": name, "size": len(body), "oid": "b" * 40, "blobId": "b" * 40,
            **({"lfs": digests | {"sha256": digests["oid"]}} if large else {}),
        }  # fmt: skip

    entries = [entry(name, body) for name, body in files.items()]
    info = {"id": "org/name", "modelId": "org/name", "sha": COMMIT, "siblings": entries, "tags": []}
    for revision in ("main", COMMIT):
        server.files[f"/api/models/org/name/revision/{revision}"] = json.dumps(info).encode()
        server.files[f"/api/models/org/name/tree/{revision}"] = json.dumps(entries).encode()
    for name, body in files.items():
        server.files[f"/org/name/resolve/{COMMIT}/{name}"] = body
    return server


def names_in(folder):
    return sorted(
        path.relative_to(folder).as_posix()
        for path in folder.rglob("*")
        if path.is_file() and not path.name.startswith(".")
    )


def test_a_repository_is_pulled_without_pickles_and_code_and_pinned(hub):
    path, _ = get("hf://org/name@main")
    assert names_in(path) == ["config.json", "model.safetensors", "vae/config.json", "vae/model.safetensors"]
    assert pinned(parse("hf://org/name@main")) == COMMIT
    assert resolve("hf://org/name@main") == path
    same = get(f"hf://org/name@{COMMIT}")[0]
    assert same != path
    assert digest("hf://org/name@main") == digest(f"hf://org/name@{COMMIT}")


def test_a_file_that_was_deleted_is_pulled_again(hub):
    path, _ = get("hf://org/name@main")
    before = digest("hf://org/name@main")
    (path / "vae" / "model.safetensors").unlink()
    get("hf://org/name@main")
    assert digest("hf://org/name@main") == before


def test_a_folder_or_a_file_of_a_repository(hub):
    folder = get("hf://org/name@main/vae")[0]
    assert folder.name == "vae"
    assert names_in(folder) == ["config.json", "model.safetensors"]
    body = hub.files[f"/org/name/resolve/{COMMIT}/model.safetensors"]
    reference = f"hf://org/name@main/model.safetensors#sha256={sha256(body).hexdigest()}"
    assert get(reference)[0].read_bytes() == body
    with pytest.raises(ModelError, match=f"expected sha256 {'0' * 64}"):
        get(f"hf://org/name@{COMMIT}/model.safetensors#sha256={'0' * 64}")


def test_a_file_that_differs_from_what_the_hub_lists_is_refused(hub):
    hub.files[f"/org/name/resolve/{COMMIT}/vae/model.safetensors"] = b"other" * 1000
    with pytest.raises(ModelError, match=r"vae/model\.safetensors.*expected sha256"):
        get("hf://org/name@main")
    with pytest.raises(ModelError, match="redub models pull"):
        resolve("hf://org/name@main")


def test_a_repository_of_pickles_says_how_to_name_one(server, hub):
    publish(server, {"config.json": b"{}", "pytorch_model.bin": b"pickle"})
    with pytest.raises(ModelError, match=r"hf://org/name@main/FILE, of pytorch_model.bin"):
        get("hf://org/name@main")
    with pytest.raises(ModelError, match="holds more than tensors"):
        get("hf://org/name@main/pytorch_model.bin")


def test_a_repository_that_is_not_there(hub):
    with pytest.raises(ModelError, match=r"hf://org/other@main cannot be pulled(?s:.*)HF_TOKEN"):
        get("hf://org/other@main")
