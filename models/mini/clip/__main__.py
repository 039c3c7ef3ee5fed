"""Trains the mini CLIP on the procedural world, measures it on strangers, and ships it."""

from models.mini.clip.measure import measure
from models.mini.clip.train import Plan, make, save
from models.mini.shipping import ship

if __name__ == "__main__":
    plan = Plan()
    ship(__doc__ or "", "clip", plan, make, save, measure)
