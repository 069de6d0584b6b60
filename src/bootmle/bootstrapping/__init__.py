"""The verbs `bootstrap` and `load`, and the Bootstrap they return."""
