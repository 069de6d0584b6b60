"""What the user gives: an objective, data, parameters and scales, and its derivatives."""
