"""Packages for time series, spatial lags and latent factors."""

from __future__ import annotations

import numpy as np


def _sarimax(data):
    from statsmodels.tsa.statespace.sarimax import SARIMAX

    return SARIMAX(data["y"], exog=data["x"], order=(1, 0, 0)).fit(disp=0, maxiter=500)


def statsmodels_sarimax(data):
    found = _sarimax(data)
    return dict(zip(("x1", "phi", "sigma2"), zip(found.params, found.bse), strict=True))


def _arch(data):
    from arch import arch_model

    made = arch_model(data["y"], mean="Constant", vol="ARCH", p=1, rescale=False)
    return made.fit(disp="off", backcast=float(data["backcast"]), tol=1e-10)


def arch_one(data):
    found = _arch(data)
    return dict(zip(("mu", "omega", "alpha"), zip(found.params, found.std_err), strict=True))


def spreg_lag(data):
    import libpysal
    import spreg

    n = len(data["y"])
    ring = {i: [(i - 1) % n, (i + 1) % n] for i in range(n)}
    w = libpysal.weights.W(ring, silence_warnings=True)
    w.transform = "r"
    found = spreg.ML_Lag(data["y"][:, None], data["x"][:, None], w=w, method="full", epsilon=1e-12)
    errors = np.sqrt(np.diag(np.asarray(found.vm1)))
    values = np.concatenate([np.ravel(found.betas), np.ravel(found.sig2)])
    names = ("base", "x1", "rho", "sigma2")
    return dict(zip(names, zip(values, errors), strict=True))


def semopy_factor(data):
    import pandas as pd
    import semopy

    frame = pd.DataFrame(data["y"], columns=["y1", "y2", "y3", "y4"])
    model = semopy.Model("f =~ y1 + y2 + y3 + y4")
    model.fit(frame)
    table = model.inspect()
    found = {}
    for _, row in table.iterrows():
        one, sign, other = row["lval"], row["op"], row["rval"]
        name = f"load_{one}" if sign == "~" else f"var_{one}" if one == other else None
        if name is not None and row["Std. Err"] != "-":
            found[name] = (row["Estimate"], row["Std. Err"])
    return found
