"""Why the network works: each mechanism and its failure as a number and a figure."""
