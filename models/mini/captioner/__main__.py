"""Trains the mini captioner on the procedural world, measures it on strangers, and ships it."""

from models.mini.captioner.measure import measure
from models.mini.captioner.train import Plan, make, save
from models.mini.shipping import ship

if __name__ == "__main__":
    plan = Plan()
    ship(__doc__ or "", "captioner", plan, make, save, measure)
