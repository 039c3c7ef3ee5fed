"""Trains the mini identity network on the procedural world, and measures it on people it never saw.

    python -m models.mini.identity

writes models/mini/weights/identity.onnx, which takes what insightface's ArcFace networks take, and prints the report.
train.py trains it, measure.py measures it.
"""
