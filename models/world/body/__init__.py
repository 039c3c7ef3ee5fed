"""The people of the world as bodies: one morphable head, what it is made of, and how it is coloured."""
