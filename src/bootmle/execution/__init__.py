"""Pieces of work on threads, processes and disk; knows no statistics."""
