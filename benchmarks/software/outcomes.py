"""Packages for outcomes of two kinds, ordered ones, and counts."""

from __future__ import annotations

import numpy as np

XS = ("base", "x1", "x2")


def _named(values, errors, names=XS):
    return dict(zip(names, zip(np.ravel(values), np.ravel(errors)), strict=False))


def _logit(data):
    import statsmodels.api as sm

    found = sm.Logit(data["y"], data["X"]).fit(disp=0)
    return found


def statsmodels_logit(data):
    found = _logit(data)
    return _named(found.params, found.bse)


def statsmodels_probit(data):
    import statsmodels.api as sm

    found = sm.Probit(data["y"], data["X"]).fit(disp=0)
    return _named(found.params, found.bse)


def statsmodels_glm(data):
    import statsmodels.api as sm

    family = sm.families.Binomial(sm.families.links.Probit())
    found = sm.GLM(data["y"], data["X"], family=family).fit()
    return _named(found.params, found.bse)


def glum_logit(data):
    from glum import GeneralizedLinearRegressor

    model = GeneralizedLinearRegressor(family="binomial", alpha=0, gradient_tol=1e-10)
    model.fit(data["X"][:, 1:], data["y"], store_covariance_matrix=True)
    return _named([model.intercept_, *model.coef_], model.std_errors())


def pyfixest_logit(data):
    import pandas as pd
    import pyfixest

    frame = pd.DataFrame({"y": data["y"], "x1": data["X"][:, 1], "x2": data["X"][:, 2]})
    found = pyfixest.feglm("y ~ x1 + x2", frame, family="logit")
    return _named(found.coef(), found.se())


def delicatessen_logit(data):
    from delicatessen import MEstimator
    from delicatessen.estimating_equations import ee_regression

    X, y = data["X"], data["y"]

    def psi(theta):
        return ee_regression(theta, X=X, y=y, model="logistic")

    found = MEstimator(psi, init=[0.0] * X.shape[1])
    found.estimate()
    return _named(found.theta, np.sqrt(np.diag(found.variance)))


def pygam_logit(data):
    from pygam import LogisticGAM, l

    model = LogisticGAM(l(0, lam=0) + l(1, lam=0), tol=1e-10, max_iter=200)
    model.fit(data["X"][:, 1:], data["y"])
    b, error = model.coef_, model.statistics_["se"]
    return {"x1": (b[0], error[0]), "x2": (b[1], error[1]), "base": (b[2], error[2])}


def autograd_hessian(data):
    import autograd.numpy as anp
    from autograd import hessian, jacobian

    X, y = data["X"], data["y"]

    def nll(b):
        return anp.sum(anp.log1p(anp.exp(-(2 * y - 1) * (X @ b))))

    b = np.zeros(X.shape[1])
    for _ in range(30):
        b = b - np.linalg.solve(hessian(nll)(b), jacobian(nll)(b))
    return _named(b, np.sqrt(np.diag(np.linalg.inv(hessian(nll)(b)))))


def numdifftools_hessian(data):
    from numdifftools import Hessian
    from scipy.optimize import minimize

    X, y = data["X"], data["y"]

    def nll(b):
        return np.sum(np.logaddexp(0, -(2 * y - 1) * (X @ b)))

    def gradient(b):
        return X.T @ (1 / (1 + np.exp(-(X @ b))) - y)

    b = minimize(nll, np.zeros(X.shape[1]), jac=gradient, tol=1e-10).x
    return _named(b, np.sqrt(np.diag(np.linalg.inv(Hessian(nll)(b)))))


def scikit_learn_logit(data):
    from sklearn.linear_model import LogisticRegression

    model = LogisticRegression(C=np.inf).fit(data["X"][:, 1:], data["y"])
    values = [model.intercept_[0], *model.coef_[0]]
    return {name: (value, None) for name, value in zip(XS, values, strict=True)}


def mord_ordered(data):
    from mord import LogisticAT

    model = LogisticAT(alpha=0).fit(data["X"], data["y"].astype(int))
    return {"x1": (model.coef_[0], None), "x2": (model.coef_[1], None)}


def _ordered(data):
    from statsmodels.miscmodels.ordinal_model import OrderedModel

    found = OrderedModel(data["y"], data["X"], distr="probit").fit(method="bfgs", disp=0)
    return found


def statsmodels_ordered(data):
    found = _ordered(data)
    return _named(found.params, found.bse, ("x1", "x2", "cut1", "log_gap2", "log_gap3"))


def _nb2(data):
    import statsmodels.api as sm

    found = sm.NegativeBinomial(data["y"], data["X"]).fit(disp=0, maxiter=500)
    return found


def statsmodels_nb2(data):
    found = _nb2(data)
    return _named(found.params, found.bse, (*XS, "alpha"))


def _zip(data):
    import statsmodels.api as sm

    model = sm.ZeroInflatedPoisson(data["y"], data["X"], exog_infl=data["X"])
    found = model.fit(method="bfgs", maxiter=500, disp=0)
    return found


def statsmodels_zip(data):
    found = _zip(data)
    return _named(found.params, found.bse, ("zero", "zero_x1", "count", "count_x1"))


def pyfixest_poisson(data):
    import pandas as pd
    import pyfixest

    frame = pd.DataFrame({"y": data["y"], "x1": data["X"][:, 1], "x2": data["X"][:, 2]})
    found = pyfixest.fepois("y ~ x1 + x2", frame, vcov="hetero")
    return _named(found.coef(), found.se())


def estimagic_poisson(data):
    import estimagic
    import optimagic

    X, y = data["X"], data["y"]

    @optimagic.mark.likelihood
    def loglike(params):
        return y * (X @ params) - np.exp(X @ params)

    found = estimagic.estimate_ml(
        loglike, params=np.zeros(X.shape[1]), optimize_options={"algorithm": "scipy_bfgs"}
    )
    return _named(found.params, found.se())


def gpboost_mixed(data):
    import gpboost

    m = data["y"].shape[1]
    groups = np.repeat(np.arange(len(data["y"])), m)
    x = data["x"].ravel()
    model = gpboost.GPModel(group_data=groups, likelihood="gaussian")
    model.fit(y=data["y"].ravel(), X=np.column_stack([np.ones(x.size), x]))
    b = np.asarray(model.get_coef(std_err=True))
    v = np.asarray(model.get_cov_pars(std_err=True))
    return {
        "base": (b[0, 0], b[1, 0]),
        "x1": (b[0, 1], b[1, 1]),
        "var_u": (v[0, 1], v[1, 1]),
        "var_e": (v[0, 0], v[1, 0]),
    }


def statsmodels_mixed(data):
    import statsmodels.api as sm

    m = data["y"].shape[1]
    groups = np.repeat(np.arange(len(data["y"])), m)
    x = data["x"].ravel()
    model = sm.MixedLM(data["y"].ravel(), np.column_stack([np.ones(x.size), x]), groups)
    found = model.fit(reml=False)
    return {
        "base": (found.fe_params[0], found.bse_fe[0]),
        "x1": (found.fe_params[1], found.bse_fe[1]),
        "var_u": (np.ravel(found.cov_re)[0], np.ravel(found.bse_re)[0]),
        "var_e": (found.scale, None),
    }
