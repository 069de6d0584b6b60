"""Pictures, one file each: histograms, traces, the sources of errors, and coverage."""
