"""Threads that let go of what Ray gave them while Ray is being taken down; the process goes on."""

import subprocess
import sys

LETTING_GO = """
import threading
import time
from infra.cluster import start
from infra.profiles import Profile
from infra.quietray import ray

class Counter:
    def count(self):
        return 1

with start(Profile(name="test", cpus=1, gpus=0)):
    held = [ray.put(number) for number in range(3000)]
    actors = [ray.remote(Counter).options(num_cpus=0).remote() for _ in range(4)]
    ray.get([actor.count.remote() for actor in actors])
    held[::600] = actors + held[:1]

    def let_go():
        while held:
            held.pop()
            time.sleep(0.0005)

    thread = threading.Thread(target=let_go)
    thread.start()
    time.sleep(0.2)
print(bool(held))
thread.join()
with start(Profile(name="test", cpus=1, gpus=0)):
    print(ray.get(ray.put("again")))
"""


def test_the_process_goes_on() -> None:
    done = subprocess.run(
        [sys.executable, "-c", LETTING_GO], capture_output=True, text=True, timeout=240, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.splitlines() == ["True", "again"], "some were held to the end"
