"""The commands of the command line, one file each: run, report and status."""
