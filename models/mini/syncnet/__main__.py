"""Trains the mini SyncNet on the procedural world, measures it on strangers, and ships it."""

from models.mini.shipping import ship
from models.mini.syncnet.measure import measure
from models.mini.syncnet.train import Plan, make, save

if __name__ == "__main__":
    plan = Plan()
    ship(__doc__ or "", "syncnet.safetensors", plan, make, save, measure)
