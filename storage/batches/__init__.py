"""Gives a training what a dataset version holds: windows of clips, and the bytes of many of them at once.

`windows` opens a version's split and says which windows it has, `place` where each lies, `blobs` reads bytes of many
clips in one request, `frames` decodes a window's pictures alone. What the bytes mean is for the stages that packed
them: tasks/training/clip_windows.py puts batches together.
"""
