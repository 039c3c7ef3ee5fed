"""Where weights come from: `mini:NAME` for those shipped here, else a path. Each has a digest.

The digest enters the fingerprint of every stage that loads the file, so other weights mean other rows.
"""

from functools import lru_cache
from hashlib import sha256
from pathlib import Path

MINI = Path(__file__).parent / "mini" / "weights"


class ModelError(ValueError):
    """Weights that are not there or not what they claim to be; says what to do."""


def resolve(reference: str) -> Path:
    """The file behind a reference."""
    if reference.startswith("mini:"):
        name = reference.removeprefix("mini:")
        found = sorted(MINI.glob(f"{name}.*")) if name.isidentifier() else []
        weights = [path for path in found if path.suffix in (".safetensors", ".onnx")]
        if not weights:
            known = sorted({p.stem for p in MINI.glob("*") if p.suffix in (".safetensors", ".onnx")})
            raise ModelError(f"there is no mini model {name!r}; there are: {', '.join(known) or 'none'}")
        return weights[0]
    path = Path(reference).expanduser()
    if not path.is_file():
        raise ModelError(f"no weights at {path}: give `mini:NAME`, or the path of a file that is there")
    return path


def digest(reference: str) -> str:
    """Hex sha256 of the weights."""
    path = resolve(reference)
    status = path.stat()
    return _digest(path, status.st_size, status.st_mtime_ns)


@lru_cache
def _digest(path: Path, _size: int, _mtime_ns: int) -> str:
    with path.open("rb") as file:
        hashed = sha256()
        while block := file.read(1 << 20):
            hashed.update(block)
    return hashed.hexdigest()
