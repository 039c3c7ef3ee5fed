"""Joins the Ray cluster that a profile names, with the token that such a cluster asks for, and says why when it can't.

Ray itself looks for a token only where it finds the cluster by itself (`auto`); a head that was started on a machine
with `~/.ray/auth_token` lets nobody in without it, however the address was named.
"""

import logging
import os
import socket
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from typing import IO

from infra.profiles import Profile, ProfileError
from infra.quietray import ray, ray_errors, ray_tokens

ANSWER_S = 5.0
"""So long a named cluster may take to answer at all."""
REFUSED = "InvalidAuthToken"
"""What a head says to who comes without its token; Ray passes on only that it could not connect."""
TOKEN_REMEDY = (
    "copy ~/.ray/auth_token of its head node to ~/.ray/auth_token here, or name it in RAY_AUTH_TOKEN_PATH"  # noqa: S105
)


def join(profile: Profile) -> None:
    """Whoever is not there is told as such: where nobody answers, Ray ends this process without a word."""
    address = str(profile.ray_address)
    host, _, port = address.rpartition(":")
    with tempfile.TemporaryFile() as said:
        try:
            if port.isdigit():
                socket.create_connection(
                    (host.removeprefix("ray://").strip("[]"), int(port)), ANSWER_S
                ).close()
            _take_token()
            with _stderr_into(said):
                ray.init(
                    address=address, log_to_driver=False, logging_level=logging.ERROR, configure_logging=False
                )
        except (OSError, RuntimeError, ray_errors.RayError) as error:  # Ray's ConnectionError is an OSError
            raise ProfileError(_why(profile, error, said)) from error


def _take_token() -> None:
    """Where a token lies and nobody says otherwise, it is shown: a cluster that wants none doesn't mind."""
    logging.getLogger(ray_tokens.__name__).setLevel(logging.ERROR)
    ray_tokens.maybe_enable_token_auth_if_token_available(warn_if_disabled=False)


@contextmanager
def _stderr_into(file: IO[bytes]) -> Iterator[None]:
    """Ray's C++ writes there itself, a line a second; what it says is the reason that its error leaves out."""
    sys.stderr.flush()
    ours = os.dup(2)
    os.dup2(file.fileno(), 2)
    try:
        yield
    finally:
        os.dup2(ours, 2)
        os.close(ours)


def _why(profile: Profile, error: Exception, said: IO[bytes]) -> str:
    said.seek(0)
    cluster = f"profile {profile.name!r} runs on the Ray cluster {profile.ray_address!r}, which"
    if REFUSED.encode() in said.read():
        return f"{cluster} refuses the token of this machine, or misses one: {TOKEN_REMEDY}"
    if isinstance(error, ray_errors.AuthenticationError):
        return f"{cluster} wants a token (RAY_AUTH_MODE is token), and none is here: {TOKEN_REMEDY}"
    if isinstance(error, OSError) and not isinstance(error.__cause__, RuntimeError):
        return f"{cluster} does not answer ({error}): start it (`redub doctor` says how), or take another profile"
    reason = " ".join(str(error.__cause__ or error).split())
    return f"{cluster} can't be joined: {reason}"
