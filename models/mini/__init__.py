"""Small networks that this project trains itself on its procedural world, and ships: one folder a model.

`python -m models.mini.NAME` trains one anew; README.md has their sizes and their numbers on people they never saw.
"""
