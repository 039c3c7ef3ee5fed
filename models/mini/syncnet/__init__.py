"""Trains the mini SyncNet on the procedural world, and measures it on people it never saw.

    python -m models.mini.syncnet

writes models/mini/weights/syncnet.safetensors, which models/sync/syncnet.py loads, and prints the report.
corpus.py makes what it learns from, train.py trains it, measure.py measures it.
"""
