"""How a network's raw output becomes ab, and the loss it is trained with."""
