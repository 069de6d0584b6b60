"""Resamples in, replicates out; audits of them, and alarms."""
