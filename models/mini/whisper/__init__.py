"""The mini Whisper: how it is trained on the procedural world, and measured on people it never saw.

    python -m models.mini.whisper

writes models/mini/weights/whisper/, which transformers' WhisperModel loads, and prints the report.
corpus.py makes what it learns from, train.py trains it, measure.py measures it.
"""
