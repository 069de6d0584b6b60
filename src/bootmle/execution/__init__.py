"""Running chunks of replicates: threads, processes, progress and storage."""
