"""Trains the mini face back-end on the procedural world, and measures it on people it never saw.

    python -m models.mini.face

writes a detector of faces and a network of landmarks, both in models/mini/weights/face.safetensors, and prints the report.
detector.py and landmarks.py are the two trainings' batches and losses, train.py runs them, measure.py measures both
together.
"""
