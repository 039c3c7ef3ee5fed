"""One rebuild in a process of its own, to be killed: python -m tests.chaos.driver SOURCES CATALOG clips|whole

`clips` leaves out the stages whose workers take longest to load their models. With `raise MARK` or `kill MARK`, the stage
that answers all rows at once does that to itself until the file MARK is there.
"""

import os
import signal
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from flows import environment

CLIPS = ("probe", "ingest", "quality", "verdict", "speakers")


def main(sources: str, catalog: str, extent: str, hurt: str = "", mark: str = "") -> None:
    environment.prepare()
    from pydantic import create_model

    from flows.recipes import RECIPES, STAGES, Stages
    from flows.run.driver import Rebuild
    from flows.run.request import Request
    from infra.profiles import load_profile

    recipe: Stages = RECIPES["world"]
    if extent == "clips":
        some = {name: (type(getattr(recipe, name)), getattr(recipe, name)) for name in CLIPS}
        recipe = create_model("Clips", __base__=Stages, **some)()
    STAGES["speakers"] = speakers(hurt, mark, early=extent == "clips")
    request = Request(sources, catalog, recipe, "world", load_profile("laptop"))
    with Rebuild(request) as run:
        run.prepare()
        print("planned", flush=True)
        run.start()
        print("started", flush=True)
        for node in run.nodes:
            run.wait(node.name)
        print(run.publish(), flush=True)


def speakers(hurt: str, mark: str, early: bool) -> type:
    """The product's stage, which comes to harm the first time, and reads the verdict where no masks are made."""
    from tasks.ingest import Ingest
    from tasks.speakers import Speakers
    from tasks.verdict import Verdict

    class Hurt(Speakers):
        reads = (Verdict, Ingest) if early else Speakers.reads

        def __call__(self, rows: Sequence[Any], known: Sequence[Any]) -> list[Any]:
            if hurt and not Path(mark).exists():
                Path(mark).write_text(str(len(rows)))
                if hurt == "raise":
                    raise OSError("the network blinked")
                os.kill(os.getpid(), signal.SIGKILL)
            return super().__call__(rows, known)

    return Hurt


if __name__ == "__main__":
    main(*sys.argv[1:])
