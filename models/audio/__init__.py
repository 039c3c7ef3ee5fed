"""Hears speech: features of sound by Whisper and wav2vec2, and which of them belong to which frame."""
