"""One rebuild in a process of its own, to be killed: python -m tests.chaos.driver SOURCES CATALOG clips|whole

`clips` leaves out the stages whose workers take longest to load their models.
"""

import sys

from flows import environment

CLIPS = ("probe", "ingest", "quality", "verdict")


def main(sources: str, catalog: str, extent: str) -> None:
    environment.prepare()
    from pydantic import create_model

    from flows.driver import Rebuild, Request
    from flows.recipes import RECIPES, Stages
    from infra.profiles import load_profile

    # With this preset x264 repeats itself to the bit even on tiny frames (storage/media/encode.py).
    exact = RECIPES["mini"].ingest.model_copy(update={"preset": "ultrafast"})
    recipe: Stages = RECIPES["mini"].model_copy(update={"ingest": exact})
    if extent == "clips":
        some = {name: (type(getattr(recipe, name)), getattr(recipe, name)) for name in CLIPS}
        recipe = create_model("Clips", __base__=Stages, **some)()
    request = Request(sources, catalog, recipe, "mini", load_profile("laptop"))
    with Rebuild(request) as run:
        run.prepare()
        print("planned", flush=True)
        run.start()
        print("started", flush=True)
        for node in run.nodes:
            run.wait(node.name)
        print(run.publish(), flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
