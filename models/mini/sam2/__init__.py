"""Trains the mini SAM 2 on the procedural world, and measures it on people it never saw.

    python -m models.mini.sam2            # half an hour of one core
    python -m models.mini.sam2 polish     # or a part of it, from what the parts before it have left

writes models/mini/weights/sam2/, which transformers' Sam2VideoModel loads like any other SAM 2, and prints the report.
corpus.py makes what it learns from, train.py trains it part by part, measure.py measures it. What the weights have
been through is in their about.json.
"""
