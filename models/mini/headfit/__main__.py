"""Trains the mini head encoder on the procedural world, measures it on strangers, and ships it."""

from models.mini.headfit.measure import measure
from models.mini.headfit.train import Plan, make, save
from models.mini.shipping import ship

if __name__ == "__main__":
    plan = Plan()
    ship(__doc__ or "", "head.safetensors", plan, make, save, measure)
