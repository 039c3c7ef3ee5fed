"""The mini identity network: how it is trained on the procedural world, and measured on people it never saw.

    python -m models.mini.identity

writes models/mini/weights/identity.onnx, which takes what insightface's ArcFace networks take, and prints the report.
train.py trains it, measure.py measures it.
"""
