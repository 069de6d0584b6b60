"""From a starting point to a certified optimum, or to the reason why there is none."""
