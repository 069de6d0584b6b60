"""Pieces of work on threads, processes and disk; nothing here knows any statistics."""
