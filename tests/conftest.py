"""Quiet libraries, and a Prefect home of the tests' own, before anything imports them."""

import os
import tempfile

os.environ.setdefault("PREFECT_HOME", tempfile.mkdtemp(prefix="redub-prefect-"))

from flows import environment

environment.prepare()
