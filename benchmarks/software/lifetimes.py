"""Packages for times to an event, some of them censored."""

from __future__ import annotations

import numpy as np


def _frame(data):
    import pandas as pd

    return pd.DataFrame({"time": data["time"], "seen": data["seen"], "x1": data["x"]})


def _lifelines(data):
    from lifelines import WeibullAFTFitter

    return WeibullAFTFitter().fit(_frame(data), "time", "seen")


def lifelines_weibull(data):
    fitted = _lifelines(data)
    b, error = fitted.params_, fitted.standard_errors_
    places = {
        "base": ("lambda_", "Intercept"),
        "x1": ("lambda_", "x1"),
        "log_shape": ("rho_", "Intercept"),
    }
    return {name: (b[place], error[place]) for name, place in places.items()}


def _generic(data):
    from statsmodels.base.model import GenericLikelihoodModel

    class Weibull(GenericLikelihoodModel):
        def loglikeobs(self, params):
            shape = np.exp(params[-1])
            z = shape * (np.log(self.endog) - self.exog @ params[:-1])
            return data["seen"] * (params[-1] + z) - np.exp(z)

    X = np.column_stack([np.ones(len(data["time"])), data["x"]])
    model = Weibull(data["time"], X, extra_params_names=["log_shape"])
    start = [np.log(data["time"].mean()), 0.0, 0.0]
    return model.fit(start_params=start, method="bfgs", maxiter=500, disp=0)


def statsmodels_generic(data):
    found = _generic(data)
    return dict(zip(("base", "x1", "log_shape"), zip(found.params, found.bse), strict=True))


def surpyval_weibull(data):
    import surpyval

    fitted = surpyval.Weibull.fit(x=data["time"], c=1 - data["seen"].astype(int))
    errors = fitted.standard_errors()
    return dict(zip(("alpha", "beta"), zip(fitted.params, errors), strict=True))


def reliability_weibull(data):
    from reliability.Fitters import Fit_Weibull_2P

    seen = data["seen"] > 0
    fitted = Fit_Weibull_2P(
        failures=data["time"][seen],
        right_censored=data["time"][~seen] if (~seen).any() else None,
        show_probability_plot=False,
        print_results=False,
    )
    return {"alpha": (fitted.alpha, fitted.alpha_SE), "beta": (fitted.beta, fitted.beta_SE)}


def reliability_location(data):
    from reliability.Fitters import Fit_Weibull_3P

    fitted = Fit_Weibull_3P(failures=data["time"], show_probability_plot=False, print_results=False)
    return {
        "alpha": (fitted.alpha, fitted.alpha_SE),
        "beta": (fitted.beta, fitted.beta_SE),
        "gamma": (fitted.gamma, fitted.gamma_SE),
    }


def scikit_survival_cox(data):
    from sksurv.linear_model import CoxPHSurvivalAnalysis
    from sksurv.util import Surv

    y = Surv.from_arrays(data["seen"] > 0, data["time"])
    return {"x1": (CoxPHSurvivalAnalysis().fit(data["x"][:, None], y).coef_[0], None)}
