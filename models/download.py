"""Brings remote weights into the cache: `redub models pull`. Nothing else in redub downloads anything.

A download goes into a `.part` folder beside its place, is checked there and then renamed, so what is in the
cache is whole. A download that was cut off goes on where it ended.
"""

import fcntl
import json
import shutil
import threading
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from glob import escape
from http.client import HTTPException, HTTPResponse
from pathlib import Path
from typing import Any

from models.references import WEIGHTS, ModelError, Remote, file_digest

Tell = Callable[[int, int], None]
"""Called now and then with the bytes that are there and the bytes there will be (0: nobody knows)."""
PLAIN = (*WEIGHTS, ".json", ".txt", ".jinja")
"""What is pulled of a repository that is named as a whole: nothing that could hold code."""
PICKLES = (".pt", ".pth", ".bin", ".ckpt", ".model")
PULLED = ".pulled.json"
"""Beside the files of a repository: which commit they are of, and their digests."""
TRIES = 5
BLOCK = 1 << 20
SPARE = 1 << 30
"""Bytes to leave free."""


def pull(remote: Remote, tell: Tell) -> Path:
    """The path of the weights, complete and checked; at once when they are there already."""
    folder = remote.folder
    part = folder.with_name(folder.name + ".part")
    part.mkdir(parents=True, exist_ok=True)
    try:
        with _alone(part, remote):
            if not _whole(remote):
                (_pull_url if remote.url else _pull_hub)(remote, part, tell)
                shutil.rmtree(folder, ignore_errors=True)
                part.replace(folder)
    except OSError as error:
        raise ModelError(f"{remote.reference} cannot be stored in {folder.parent}: {error}") from error
    shutil.rmtree(part, ignore_errors=True)
    return remote.path


def _whole(remote: Remote) -> bool:
    """Somebody may have deleted a file."""
    note = remote.folder / PULLED
    names = json.loads(note.read_text())["sha256"] if note.is_file() else []
    return remote.path.exists() and all((remote.folder / name).is_file() for name in names)


@contextmanager
def _alone(part: Path, remote: Remote) -> Iterator[None]:
    """Two at once would write into one file."""
    with part.with_suffix(".lock").open("w") as held:
        try:
            fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise ModelError(f"{remote.reference} is being pulled by another process; wait for it") from None
        yield


def _check_space(folder: Path, wanted: int) -> None:
    free = shutil.disk_usage(folder).free
    if wanted + SPARE > free:
        raise ModelError(
            f"{folder.parent} has {free / 1e9:.1f} GB free and {wanted / 1e9:.1f} GB are to come: make room, or "
            "let REDUB_MODELS name a folder on another disk"
        )


def _check_digest(path: Path, expected: str, what: str) -> None:
    found = file_digest(path)
    if found != expected:
        path.unlink()
        raise ModelError(
            f"{what} is not what was promised: expected sha256 {expected}, found {found}. It "
            "was deleted; pull it again, and if that ends the same, ask the publisher what changed"
        )


def _check_pickle(path: Path) -> None:
    """A pickle may run any code when it is loaded; one that holds tensors alone loads without that."""
    if path.suffix not in PICKLES:
        return
    import torch

    try:
        torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # of many classes, depending on what is wrong with it
        path.unlink()
        raise ModelError(
            f"{path.name} holds more than tensors, or is damaged, and was deleted ({error}); find the same "
            "weights as .safetensors or .onnx"
        ) from error


# -- a file at a url -----------------------------------------------------------------------------------


def _pull_url(remote: Remote, part: Path, tell: Tell) -> None:
    target = part / remote.path.name
    size = -1
    for _ in range(TRIES):
        before = target.stat().st_size if target.exists() else 0
        size = _fetch(remote, target, tell)
        after = target.stat().st_size
        if after >= size or after <= before:
            break
    have = target.stat().st_size
    if have < size:
        raise ModelError(
            f"{remote.reference}: the connection ended after {have:,} bytes; the same command goes on from there"
        )
    _check_digest(target, remote.sha256, f"{target.name} of {remote.reference}")
    _check_pickle(target)


def _fetch(remote: Remote, target: Path, tell: Tell) -> int:
    """One attempt; how large the file is to be, or 0 when the server doesn't say."""
    have = target.stat().st_size if target.exists() else 0
    headers = {"Range": f"bytes={have}-"} if have else {}
    request = urllib.request.Request(remote.url, headers=headers)  # noqa: S310 - `parse` lets only http(s) pass
    try:
        with urllib.request.urlopen(request, timeout=60) as answer:  # noqa: S310
            return _receive(answer, target, have, tell)
    except urllib.error.HTTPError as error:
        if have and error.code == 416:
            return have  # nothing is left to send: the digest tells whether it is all
        raise ModelError(
            f"{remote.url} answers {error.code} {error.reason}: is the address right?"
        ) from error
    except (urllib.error.URLError, HTTPException, ConnectionError, TimeoutError) as error:
        if target.exists() and target.stat().st_size > have:
            return target.stat().st_size + 1  # it got on: worth another try
        raise ModelError(
            f"{remote.url} cannot be reached ({error}); check the network, or https_proxy, and run it again"
        ) from error


def _receive(answer: HTTPResponse, target: Path, have: int, tell: Tell) -> int:
    goes_on = answer.status == 206
    have = have if goes_on else 0
    size = have + int(answer.headers.get("Content-Length", 0))
    _check_space(target.parent, size - have)
    with target.open("ab" if goes_on else "wb") as file:
        while block := answer.read(BLOCK):
            file.write(block)
            have += len(block)
            tell(have, size)
    return size


# -- a repository of the hub ---------------------------------------------------------------------------


def _pull_hub(remote: Remote, part: Path, tell: Tell) -> None:
    from huggingface_hub import snapshot_download
    from huggingface_hub.utils import disable_progress_bars

    disable_progress_bars()
    try:
        commit, files = _listing(remote)
        names = _wanted(remote, list(files))
        total = sum(files[name][0] for name in names)
        _check_space(part, total)
        with _watching(part, total, tell):
            snapshot_download(
                remote.repository, revision=commit, local_dir=part, allow_patterns=[escape(n) for n in names]
            )
    except ModelError:
        raise
    except Exception as error:  # of the hub's and of its transport's many classes
        raise ModelError(
            f"{remote.reference} cannot be pulled: {str(error).strip() or type(error).__name__}\nCheck its name and "
            "the network; for a repository that wants a login or a signature, accept its terms on the hub and set "
            "HF_TOKEN"
        ) from error
    _check_hub(remote, part, {name: files[name][1] for name in names}, commit)


def _listing(remote: Remote) -> tuple[str, dict[str, tuple[int, str]]]:
    """The commit that the revision is now; size and, for large files, sha256 of every file."""
    from huggingface_hub import HfApi

    info = HfApi().model_info(remote.repository, revision=remote.revision, files_metadata=True)
    assert info.sha
    found = info.siblings or []
    return info.sha, {f.rfilename: (f.size or 0, f.lfs.sha256 if f.lfs else "") for f in found}


def _wanted(remote: Remote, names: list[str]) -> list[str]:
    """The one file that is named, whatever it is; else what is plain, of the repository or the folder."""
    if remote.part in names:
        return [remote.part]
    inside = [name for name in names if not remote.part or name.startswith(f"{remote.part}/")]
    wanted = [name for name in inside if name.endswith(PLAIN) and not name.startswith(".")]
    if not any(name.endswith(WEIGHTS) for name in wanted):
        rest = ", ".join(name for name in inside if name.endswith(PICKLES)) or ", ".join(names[:8])
        raise ModelError(
            f"{remote.reference} holds no .safetensors or .onnx weights; to take another kind of file, name it: "
            f"hf://{remote.repository}@{remote.revision}/FILE, of {rest or 'which there are none'}"
        )
    return wanted


@contextmanager
def _watching(part: Path, total: int, tell: Tell) -> Iterator[None]:
    """The hub's library downloads in threads of its own; what they have written shows how far they are."""
    done = threading.Event()

    def look() -> None:
        while not done.wait(0.5):
            tell(min(_size(part), total), total)

    watcher = threading.Thread(target=look, daemon=True)
    watcher.start()
    try:
        yield
    finally:
        done.set()
        watcher.join()


def _size(folder: Path) -> int:
    sizes = 0
    for path in folder.rglob("*"):
        try:
            sizes += path.stat().st_blocks * 512  # of a file with holes, what is filled
        except FileNotFoundError:
            continue  # renamed by those who write
    return sizes


def _check_hub(remote: Remote, part: Path, promised: dict[str, str], commit: str) -> None:
    for name, expected in promised.items():
        wanted = remote.sha256 if remote.sha256 and name == remote.part else expected
        if wanted:
            _check_digest(part / name, wanted, f"{name} of {remote.reference}")
        _check_pickle(part / name)
    shutil.rmtree(part / ".cache", ignore_errors=True)
    files: dict[str, Any] = {name: file_digest(part / name) for name in promised}
    note = {"reference": remote.reference, "commit": commit, "sha256": files}
    (part / PULLED).write_text(json.dumps(note, indent=1))


def pinned(remote: Remote) -> str:
    """The commit that a pulled branch or tag stood for; its digest is over the files, whatever it is called."""
    note = remote.folder / PULLED
    return str(json.loads(note.read_text())["commit"]) if note.is_file() else ""
