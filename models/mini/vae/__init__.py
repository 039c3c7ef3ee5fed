"""Trains the mini video VAE on the procedural world, and measures it on people it never saw.

    python -m models.mini.vae

writes models/mini/weights/vae/, which diffusers' AutoencoderKLWan loads, and prints the report.
corpus.py makes what it learns from, linear_start.py the linear codec that training starts from, train.py goes on
from there, measure.py measures it.
"""
