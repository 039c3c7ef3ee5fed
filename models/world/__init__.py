"""A procedural world of talking heads, in which everything is known that real footage hides.

direct.py makes scenes of the people that people.py makes, and render.py draws them; body/ is what people are made of,
sound/ how they speak.
"""
