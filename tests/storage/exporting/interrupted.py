"""An export in a process of its own, for the tests that kill it.

python -m tests.storage.exporting.interrupted CATALOG FORMAT OUT [after N bytes]
"""

import os
import signal
import sys

from storage.exporting import chosen
from storage.exporting.export import Wanted, export
from storage.exporting.parts import Format
from storage.exporting.tally import Progress
from storage.ledger.catalog import existing_catalog


def main(catalog: str, to: str, out: str, most: str = "") -> None:
    def say(now: Progress) -> None:
        if most and now.bytes_whole >= int(most):
            os.kill(os.getpid(), signal.SIGKILL)

    chosen.BATCH_BYTES = 256 << 10
    print("begun", flush=True)
    export(existing_catalog(catalog), Wanted("v1", Format(to), shard_bytes=300 << 10), out, say)


if __name__ == "__main__":
    main(*sys.argv[1:])
