"""The functions `bootstrap` and `load`, and the Bootstrap they return."""
