"""Where weights come from, and what they are. A reference is one of

    mini:NAME                        shipped here, trained by this project
    PATH                             a file, or a folder as `save_pretrained` writes it
    own:PATH                         a file that only you may fetch (a licence to sign), put into the cache
    hf://ORG/NAME@REVISION[/PART]    a repository of the Hugging Face hub, or one folder or file of it
    https://HOST/FILE#sha256=HEX     a file anywhere

One file of the hub may have `#sha256=HEX`, too. What is remote has to be pulled first: nothing is
downloaded during a rebuild. The digest enters the fingerprint of every stage that loads the weights, so
other weights mean other rows, wherever they lie.
"""

import os
import re
from dataclasses import dataclass
from functools import lru_cache
from hashlib import sha256
from pathlib import Path
from urllib.parse import urlsplit

MINI = Path(__file__).parent / "mini" / "weights"
WEIGHTS = (".safetensors", ".onnx")
SILENT = (".md", ".png", ".jpg", ".gif", ".pdf")
"""Files of a folder that change nothing about what a model computes; `about.json` says where it is from."""
LARGE = 64 << 20
"""Bytes from which a digest is remembered between runs: hashing 16 GB takes a plan's whole patience."""

_HUB = re.compile(r"hf://(?P<repository>[\w.-]+/[\w.-]+)@(?P<revision>[\w.-]+)(/(?P<part>[\w./ -]+))?")
_HEX = re.compile(r"[0-9a-f]{64}")
_GRAMMAR = (
    "{reference!r} is no reference to weights: {why}. Give mini:NAME, a path, own:PATH, "
    "hf://ORG/NAME@REVISION[/FILE OR FOLDER], or https://HOST/FILE#sha256=64 HEX DIGITS"
)


class ModelError(ValueError):
    """Weights that are not there or not what they claim to be; says what to do."""


@dataclass(frozen=True)
class Remote:
    """What has to be downloaded: a file at a `url`, or (part of) a `repository` of the hub."""

    reference: str
    url: str = ""
    repository: str = ""
    revision: str = ""
    part: str = ""
    sha256: str = ""

    @property
    def folder(self) -> Path:
        """Its own place in the cache, there as soon as all of it is."""
        if self.url:
            return cache() / "url" / self.sha256
        name = f"{self.repository}@{self.revision}" + (f"+{self.part}".replace("/", "+") if self.part else "")
        return cache() / "hf" / name

    @property
    def path(self) -> Path:
        """The file or folder to load."""
        return self.folder / (Path(urlsplit(self.url).path).name if self.url else self.part)


def cache() -> Path:
    """Where pulled weights lie: `$REDUB_MODELS`, or below the home folder."""
    return Path(os.environ.get("REDUB_MODELS") or "~/.cache/redub/models").expanduser()


def parse(reference: str) -> Remote | None:
    """None for what is on this machine anyway."""
    address, _, fragment = reference.partition("#")
    if not address.startswith(("hf://", "https://", "http://")):
        return None
    expected = fragment.removeprefix("sha256=").lower()
    if fragment and not (fragment.startswith("sha256=") and _HEX.fullmatch(expected)):
        raise _wrong(reference, "after # belongs sha256= and 64 hexadecimal digits")
    if address.startswith("hf://"):
        found = _HUB.fullmatch(address)
        if not found or ".." in address:
            raise _wrong(reference, "a repository of the hub is ORG/NAME@REVISION (a commit, tag or branch)")
        named = {key: value or "" for key, value in found.groupdict().items()}
        return Remote(reference, sha256=expected, **{**named, "part": named["part"].strip("/")})
    if not expected or not Path(urlsplit(address).path).name:
        raise _wrong(
            reference, "a download needs a file's name and its #sha256= (`sha256sum FILE` prints it)"
        )
    return Remote(reference, url=address, sha256=expected)


def _wrong(reference: str, why: str) -> ModelError:
    return ModelError(_GRAMMAR.format(reference=reference, why=why))


def resolve(reference: str) -> Path:
    """The file or folder behind a reference. Never downloads."""
    if reference.startswith("mini:"):
        return _mini(reference.removeprefix("mini:"))
    if remote := parse(reference):
        if not remote.path.exists():
            raise ModelError(
                f"{reference} is not on this machine: run `redub models pull {_name(reference)}`"
            )
        return remote.path
    own = reference.startswith("own:")
    path = cache() / "own" / reference[4:] if own else Path(reference).expanduser()
    if not path.exists():
        raise ModelError(f"no weights at {path}: " + (_supply(reference) if own else _NOWHERE))
    return path


_NOWHERE = "give `mini:NAME`, the path of a file or folder that is there, or what `redub models list` shows"


def _mini(name: str) -> Path:
    known = mini_models()
    if name not in known:
        raise ModelError(f"there is no mini model {name!r}; there are: {', '.join(known) or 'none'}")
    return known[name]


def mini_models() -> dict[str, Path]:
    """By name: single files, and folders that hold one of transformers' or diffusers' models."""
    found = (path for path in sorted(MINI.glob("[!.]*")) if path.suffix in WEIGHTS or _holds_weights(path))
    return {path.stem: path for path in found}


def _holds_weights(folder: Path) -> bool:
    return any(path.suffix in WEIGHTS or path.name == "config.json" for path in folder.rglob("*"))


def _name(reference: str) -> str:
    """As short as it can be typed."""
    from models.catalogue import find  # it needs this module, too

    known = find(reference)
    return known.name if known else f"'{reference}'"


def _supply(reference: str) -> str:
    """How to come by what may not be downloaded for anybody."""
    from models.catalogue import find

    known = find(reference)
    return known.note if known else "put the file there yourself"


def digest(reference: str) -> str:
    """Hex sha256 of the file; of a folder, over the names and digests of the files that matter."""
    path = resolve(reference)
    found = _folder_digest(path) if path.is_dir() else file_digest(path)
    remote = parse(reference)
    if remote and remote.sha256 not in ("", found):
        raise ModelError(
            f"{path} is not what {reference} names any more: expected sha256 {remote.sha256}, found {found}; "
            f"delete it and run `redub models pull '{reference}'`"
        )
    return found


def files_that_matter(folder: Path) -> list[Path]:
    """Sorted. Not what is hidden, meant for readers, or said about the weights."""
    found = (path for path in folder.rglob("*") if path.is_file())
    return sorted(path for path in found if _matters(path.relative_to(folder)))


def _matters(inside: Path) -> bool:
    hidden = any(part.startswith(".") for part in inside.parts)
    return not hidden and inside.name != "about.json" and inside.suffix.lower() not in SILENT


def _folder_digest(folder: Path) -> str:
    files = files_that_matter(folder)
    if not files:
        raise ModelError(f"{folder} is empty: no weights are in it; give a folder that holds some")
    lines = (f"{file_digest(path)}  {path.relative_to(folder).as_posix()}\n" for path in files)
    return sha256("".join(lines).encode()).hexdigest()


def file_digest(path: Path) -> str:
    """Read once for one size and time of change: a path may be followed by the next weights."""
    status = path.stat()
    return _file_digest(path, f"{status.st_ino} {status.st_size} {status.st_mtime_ns}")


@lru_cache(maxsize=4096)
def _file_digest(path: Path, state: str) -> str:
    if path.stat().st_size < LARGE:
        return _read_digest(path)
    note = cache() / "digests" / state.replace(" ", "-")  # not its path: what was pulled is renamed
    if note.is_file():
        return note.read_text()
    found = _read_digest(path)
    write_whole(note, found)
    return found


def _read_digest(path: Path) -> str:
    with path.open("rb") as file:
        hashed = sha256()
        while block := file.read(1 << 20):
            hashed.update(block)
    return hashed.hexdigest()


def write_whole(path: Path, text: str) -> None:
    """Either all of it is there or nothing: others may read at any moment."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    temporary.write_text(text)
    temporary.replace(path)
