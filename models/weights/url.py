"""Downloads one file at an address, and goes on where an earlier attempt ended."""

import urllib.error
import urllib.request
from collections.abc import Callable
from http.client import HTTPException, HTTPResponse
from pathlib import Path

from models.weights.checks import check_digest, check_pickle, check_space
from models.weights.references import ModelError, Remote

Progress = Callable[[int, int], None]
"""Called now and then with the bytes that are there and the bytes there will be (0: nobody knows)."""
TRIES = 5
BLOCK = 1 << 20


def pull_url(remote: Remote, part: Path, progress: Progress) -> None:
    """Downloads the file at a reference's address into `part`, and checks it."""
    target = part / remote.path.name
    size = -1
    for _ in range(TRIES):
        before = target.stat().st_size if target.exists() else 0
        size = _fetch(remote, target, progress)
        after = target.stat().st_size
        if after >= size or after <= before:
            break
    have = target.stat().st_size
    if have < size:
        raise ModelError(
            f"{remote.reference}: the connection ended after {have:,} bytes; the same command goes on from there"
        )
    check_digest(target, remote.sha256, f"{target.name} of {remote.reference}")
    check_pickle(target)


def _fetch(remote: Remote, target: Path, progress: Progress) -> int:
    """One attempt; how large the file is to be, or 0 when the server doesn't say."""
    have = target.stat().st_size if target.exists() else 0
    headers = {"Range": f"bytes={have}-"} if have else {}
    request = urllib.request.Request(remote.url, headers=headers)  # noqa: S310 - `parse` lets only http(s) pass
    try:
        with urllib.request.urlopen(request, timeout=60) as answer:  # noqa: S310
            return _receive(answer, target, have, progress)
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


def _receive(answer: HTTPResponse, target: Path, have: int, progress: Progress) -> int:
    goes_on = answer.status == 206
    have = have if goes_on else 0
    size = have + int(answer.headers.get("Content-Length", 0))
    check_space(target.parent, size - have)
    with target.open("ab" if goes_on else "wb") as file:
        while block := answer.read(BLOCK):
            file.write(block)
            have += len(block)
            progress(have, size)
    return size
