"""How fast networks are, what memory they take, and how near the machine's limits they are."""
