"""How results look: text tables, HTML and axes. Imports nothing of the package."""
