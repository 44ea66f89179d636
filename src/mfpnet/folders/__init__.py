"""A folder of one's own: what lies in it, what pairs with what, its splits, its faults."""
