"""Trains the mini head encoder on the procedural world, and measures it on people it never saw.

    python -m models.mini.headfit

writes models/mini/weights/head.safetensors, which models/heads/mini.py loads, and prints the report.
corpus.py makes what it learns from, loss.py says how far off it is, train.py trains it, measure.py measures it and
the masks it leads to. The folder is called as the command in the header of the shipped file.
"""
