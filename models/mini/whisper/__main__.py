"""Trains the mini Whisper on the procedural world, measures it on strangers, and ships it."""

from models.mini.shipping import ship
from models.mini.whisper.measure import measure
from models.mini.whisper.train import Plan, make, save

if __name__ == "__main__":
    plan = Plan()
    ship(__doc__ or "", "whisper", plan, make, save, measure)
