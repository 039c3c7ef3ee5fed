"""Trains the mini Whisper on the procedural world's speech, and measures it on people it never heard.

    python -m models.mini.whisper

writes models/mini/weights/whisper/, which transformers' WhisperModel loads, and prints the report.
corpus.py makes what it learns from, train.py trains it, measure.py measures it.
"""
