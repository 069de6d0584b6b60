"""Arrays of replicates in; standard errors, intervals and p-values out. Knows no Fit."""
