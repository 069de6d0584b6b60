"""The verb `coverage`: simulation studies at a known truth."""
