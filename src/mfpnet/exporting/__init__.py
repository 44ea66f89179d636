"""Networks as files for other runtimes, in float and in 8 bits, and what is checked of them."""
