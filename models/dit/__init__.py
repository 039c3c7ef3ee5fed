"""The video DiT, which is generator and editor: the network, what it is shown, its weights, its training's mathematics."""
