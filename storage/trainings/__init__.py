"""Trainings as rows: who trained what on which data, its checkpoints, its metrics, and the batches that were skipped.

names.py says what a run may be called and where its files lie, records.py what a row holds; writing.py adds rows,
reading.py answers from them, promotion.py says what a catalog dubs with, weights.py brings a checkpoint's weights from
an object store to this machine.
"""
