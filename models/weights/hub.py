"""Downloads a repository of the Hugging Face hub, or one file or folder of it."""

import json
import shutil
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from glob import escape
from pathlib import Path
from typing import Any

from models.weights.checks import PICKLES, check_digest, check_pickle, check_space, filled
from models.weights.digests import file_digest
from models.weights.references import WEIGHTS, ModelError, Remote
from models.weights.url import Progress

PLAIN = (*WEIGHTS, ".json", ".txt", ".jinja")
"""What is pulled of a repository that is named as a whole: nothing that could hold code."""
PULLED = ".pulled.json"
"""Beside the files of a repository: which commit they are of, and their digests."""


def pull_hub(remote: Remote, part: Path, progress: Progress) -> None:
    """Downloads what a reference names of a repository into `part`, and checks it."""
    from huggingface_hub import snapshot_download
    from huggingface_hub.utils import disable_progress_bars

    disable_progress_bars()
    try:
        commit, files = _listing(remote)
        names = _wanted(remote, list(files))
        total = sum(files[name][0] for name in names)
        check_space(part, total)
        with _watching(part, total, progress):
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
def _watching(part: Path, total: int, progress: Progress) -> Iterator[None]:
    """The hub's library downloads in threads of its own; what they have written shows how far they are."""
    done = threading.Event()

    def look() -> None:
        while not done.wait(0.5):
            progress(min(filled(part), total), total)

    watcher = threading.Thread(target=look, daemon=True)
    watcher.start()
    try:
        yield
    finally:
        done.set()
        watcher.join()


def _check_hub(remote: Remote, part: Path, promised: dict[str, str], commit: str) -> None:
    for name, expected in promised.items():
        wanted = remote.sha256 if remote.sha256 and name == remote.part else expected
        if wanted:
            check_digest(part / name, wanted, f"{name} of {remote.reference}")
        check_pickle(part / name)
    shutil.rmtree(part / ".cache", ignore_errors=True)
    files: dict[str, Any] = {name: file_digest(part / name) for name in promised}
    note = {"reference": remote.reference, "commit": commit, "sha256": files}
    (part / PULLED).write_text(json.dumps(note, indent=1))
