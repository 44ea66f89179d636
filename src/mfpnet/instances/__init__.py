"""Objects told apart: targets, a head for centres and offsets, their grouping, quality."""
