"""The mini generator's data: training windows of the procedural world, in latents, with the truth about the mouth."""
