"""What the replicates say: standard errors, intervals, tables."""
