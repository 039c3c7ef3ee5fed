"""Trains the mini CLIP on the procedural world, and measures it on people it never saw.

    python -m models.mini.clip

writes models/mini/weights/clip/, which transformers' CLIPVisionModelWithProjection loads, and prints the report.
corpus.py makes what it learns from, train.py trains it, measure.py measures it.
"""
