"""Beyond one score: calibration, corruptions, tiles, groups of classes, sheets, submissions."""
