"""Packages for curves through points of known standard deviation, 0.3, and linear regressions."""

from __future__ import annotations

import numpy as np

NAMES = ("a", "b", "c")
SIGMA = 0.3


def curve(t, a, b, c):
    return a * np.exp(-b * t) + c


def _start(data):
    return [2.0, 1.0 / data["t"].mean(), 0.3]


def _named(values, errors, names=NAMES):
    return dict(zip(names, zip(np.ravel(values), np.ravel(errors)), strict=True))


def scipy_curve_fit(data):
    from scipy.optimize import curve_fit

    sigma = np.full(len(data["t"]), SIGMA)
    found, cov = curve_fit(curve, data["t"], data["y"], p0=_start(data), sigma=sigma)
    return _named(found, np.sqrt(np.diag(cov)))


def scipy_absolute(data):
    from scipy.optimize import curve_fit

    sigma = np.full(len(data["t"]), SIGMA)
    found, cov = curve_fit(
        curve, data["t"], data["y"], p0=_start(data), sigma=sigma, absolute_sigma=True
    )
    return _named(found, np.sqrt(np.diag(cov)))


def _bfgs(data):
    from scipy.optimize import minimize

    def nll(params):
        a, b, c = params
        return np.sum(0.5 * ((data["y"] - a * np.exp(-b * data["t"]) - c) / SIGMA) ** 2)

    return minimize(nll, _start(data))


def scipy_bfgs(data):
    found = _bfgs(data)
    return _named(found.x, np.sqrt(np.diag(found.hess_inv)))


def _lmfit(data):
    from lmfit import Model

    start = dict(zip(NAMES, _start(data), strict=True))
    return Model(curve).fit(data["y"], t=data["t"], weights=1 / SIGMA, **start)


def lmfit_model(data):
    found = _lmfit(data).params
    return {name: (found[name].value, found[name].stderr) for name in NAMES}


def _lmfit_bfgs(data, halved, **options):
    from lmfit import Parameters, minimize

    params = Parameters()
    for name, value in zip(NAMES, _start(data), strict=True):
        params.add(name, value=value)

    def nll(params):
        made = curve(data["t"], *(params[name].value for name in NAMES))
        return halved(((data["y"] - made) / SIGMA) ** 2)

    found = minimize(nll, params, method="bfgs", **options).params
    return {name: (found[name].value, found[name].stderr) for name in NAMES}


def lmfit_scalar(data):
    """Minimize −log L, a scalar, as its users do for likelihoods."""
    return _lmfit_bfgs(data, lambda squares: 0.5 * np.sum(squares))


def lmfit_contributions(data):
    """Minimize the sum of the contributions, which are taken for residuals besides."""
    return _lmfit_bfgs(data, lambda squares: 0.5 * squares, reduce_fcn=np.sum)


def _iminuit(data, errordef=None):
    from iminuit import Minuit

    def nll(a, b, c):
        return 0.5 * np.sum(((data["y"] - curve(data["t"], a, b, c)) / SIGMA) ** 2)

    made = Minuit(nll, *_start(data))
    if errordef is not None:
        made.errordef = errordef
    made.migrad()
    made.hesse()
    return made


def iminuit_default(data):
    made = _iminuit(data)
    return _named(made.values, made.errors)


def iminuit_likelihood(data):
    made = _iminuit(data, 0.5)
    return _named(made.values, made.errors)


def kafe2_curve(data):
    import kafe2

    container = kafe2.XYContainer(data["t"], data["y"])
    container.add_error("y", SIGMA)
    found = kafe2.Fit(container, curve)
    found.set_all_parameter_values(_start(data))
    found.do_fit()
    return _named(found.parameter_values, found.parameter_errors)


def symfit_curve(data):
    import symfit
    from symfit import exp, parameters, variables

    t, y = variables("t, y")
    a, b, c = parameters("a, b, c")
    for each, value in zip((a, b, c), _start(data), strict=True):
        each.value = value
    model = {y: a * exp(-b * t) + c}
    found = symfit.Fit(
        model, t=data["t"], y=data["y"], sigma_y=np.full(len(data["y"]), SIGMA)
    ).execute()
    return {each.name: (found.value(each), found.stdev(each)) for each in (a, b, c)}


def odrpack_curve(data):
    from odrpack import odr_fit

    def f(x, beta):
        return curve(x, *beta)

    found = odr_fit(
        f,
        data["t"],
        data["y"],
        beta0=np.array(_start(data)),
        weight_y=1 / SIGMA**2,
        task="OLS",
    )
    return _named(found.beta, found.sd_beta)


def astropy_curve(data):
    from astropy.modeling import custom_model
    from astropy.modeling.fitting import LMLSQFitter

    @custom_model
    def decay(t, a=2.0, b=1.0, c=0.3):
        return a * np.exp(-b * t) + c

    start = decay(*_start(data))
    fitter = LMLSQFitter(calc_uncertainties=True)
    found = fitter(start, data["t"], data["y"], weights=np.full(len(data["t"]), 1 / SIGMA))
    return _named(found.parameters, found.stds.stds)


def bumps_curve(data):
    from bumps.fitters import fit
    from bumps.names import Curve, FitProblem

    start = dict(zip(NAMES, _start(data), strict=True))
    model = Curve(curve, data["t"], data["y"], SIGMA, **start)
    for name in NAMES:
        getattr(model, name).range(-np.inf, np.inf)
    found = fit(FitProblem(model), method="lm", verbose=False)
    return _named(found.x, found.dx)


def lsqfit_curve(data):
    import gvar
    import lsqfit

    y = gvar.gvar(data["y"], np.full(len(data["y"]), SIGMA))
    found = lsqfit.nonlinear_fit(
        data=(data["t"], y),
        fcn=lambda t, p: p[0] * np.exp(-p[1] * t) + p[2],
        p0=_start(data),
        tol=1e-12,
    )
    return _named(gvar.mean(found.p), gvar.sdev(found.p))


def statsmodels_ols(data):
    import statsmodels.api as sm

    found = sm.OLS(data["y"], data["X"]).fit()
    return _named(found.params, found.bse, ("base", "x1", "x2"))


def linearmodels_iv(data):
    import pandas as pd
    from linearmodels.iv import IV2SLS

    X = pd.DataFrame(data["X"], columns=["base", "x1", "x2"])
    found = IV2SLS(pd.Series(data["y"], name="y"), X, None, None).fit()
    return _named(found.params, found.std_errors, ("base", "x1", "x2"))
