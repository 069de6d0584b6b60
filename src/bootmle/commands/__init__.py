"""The command line: `bootmle run`, `report` and `status`, one file each, and job files."""
