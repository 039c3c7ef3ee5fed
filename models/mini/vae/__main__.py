"""Trains the mini video VAE on the procedural world, measures it on strangers, and ships it."""

from models.mini.shipping import ship
from models.mini.vae.measure import measure
from models.mini.vae.train import Plan, make, save

if __name__ == "__main__":
    plan = Plan()
    ship(__doc__ or "", "vae", plan, make, save, measure)
