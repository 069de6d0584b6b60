"""The verb `fit` and its Fit, and three other ways to one: Estimator, SciPy, statsmodels."""
