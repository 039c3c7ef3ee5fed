"""One rebuild in a process of its own, to be killed: python -m tests.chaos.driver SOURCES CATALOG"""

import sys

from flows import environment


def main(sources: str, catalog: str) -> None:
    environment.prepare()
    from flows.driver import Rebuild, Request
    from flows.recipes import RECIPES
    from infra.profiles import load_profile

    # With this preset x264 repeats itself to the bit even on tiny frames (storage/encode.py).
    exact = RECIPES["mini"].ingest.model_copy(update={"preset": "ultrafast"})
    recipe = RECIPES["mini"].model_copy(update={"ingest": exact})
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
