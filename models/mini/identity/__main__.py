"""Trains the mini identity network on the procedural world, measures it on strangers, and ships it."""

from models.mini.identity.measure import measure
from models.mini.identity.train import Plan, make, save
from models.mini.shipping import ship

if __name__ == "__main__":
    plan = Plan()
    ship(
        __doc__ or "",
        "identity.onnx",
        plan,
        make,
        save,
        lambda path, people: measure(path, people, plan.seed),
    )
