"""What the verbs take, as data; light, so that `--help` is there at once."""
