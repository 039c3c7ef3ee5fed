"""Trains the mini captioner on the procedural world, and measures it on people it never saw.

    python -m models.mini.captioner

writes models/mini/weights/captioner/, a small Qwen2.5-VL as `save_pretrained` writes the large one, and prints the report.
It answers the two questions of models/vlm/prompts.py and knows no other. corpus.py makes what it learns from,
network.py the untrained model, vision.py trains its vision tower, lessons.py its decoder, train.py runs both,
measure.py measures it.
"""
