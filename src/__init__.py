"""Learn to colour gray photographs from a few hundred examples."""
