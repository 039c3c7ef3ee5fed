"""The mini CLIP: how it is trained on the procedural world, and measured on people it never saw.

    python -m models.mini.clip

writes models/mini/weights/clip/, which transformers' CLIPVisionModelWithProjection loads, and prints the report.
corpus.py makes what it learns from, train.py trains it, measure.py measures it.
"""
