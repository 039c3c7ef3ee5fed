"""Trains the mini face back-end on the procedural world, measures it on strangers, and ships it."""

from models.mini.face.measure import measure
from models.mini.face.train import Plan, make, save
from models.mini.shipping import ship

if __name__ == "__main__":
    plan = Plan()
    ship(
        __doc__ or "",
        "face.safetensors",
        plan,
        make,
        save,
        lambda path, people: measure(path, people, plan.seed),
    )
