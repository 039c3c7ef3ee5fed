"""Finds and loads weights of networks: what a reference means, where it comes from, what its licence allows.

references.py parses and resolves references, digests.py says what a file holds. published.py lists what others
publish, known.py finds a model there or among those shipped here. download.py gets what is remote: url.py a file, hub.py
a repository, packages.py a file of a package. pretrained.py and onnxfile.py open what is on this machine.
"""
