"""Many networks, one recipe: the plan, each cell, its costs, the rows, and the picture."""
