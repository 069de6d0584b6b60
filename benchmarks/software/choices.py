"""Packages for choices among alternatives."""

from __future__ import annotations

import numpy as np


def _long(data):
    """Write one row for each person and alternative."""
    n, k = data["cost"].shape
    person, alternative = np.repeat(np.arange(n), k), np.tile(np.arange(k), n)
    chosen = (alternative == data["choice"][person]).astype(int)
    return person, alternative, chosen, data["cost"].ravel(), data["time"].ravel()


def _xlogit(data):
    from xlogit import MultinomialLogit

    person, alternative, chosen, cost, time = _long(data)
    model = MultinomialLogit()
    model.fit(
        X=np.column_stack([cost, time]),
        y=chosen,
        varnames=["cost", "time"],
        ids=person,
        alts=alternative,
        verbose=0,
    )
    return model


def xlogit_choice(data):
    model = _xlogit(data)
    return dict(zip(("cost", "time"), zip(model.coeff_, model.stderr), strict=True))


def _xlogit_mixed(data, robust):
    from xlogit import MixedLogit

    people, times, k = data["cost"].shape
    person, situation = (
        np.repeat(np.arange(people), times * k),
        np.repeat(np.arange(people * times), k),
    )
    alternative = np.tile(np.arange(k), people * times)
    model = MixedLogit()
    model.fit(
        X=np.column_stack([data["cost"].ravel(), data["time"].ravel()]),
        y=(alternative == data["choice"].ravel()[situation]).astype(int),
        varnames=["cost", "time"],
        ids=situation,
        alts=alternative,
        panels=person,
        randvars={"time": "n"},
        n_draws=data["draws"].shape[1],
        robust=robust,
        verbose=0,
    )
    names = ("cost", "time", "sd_time")
    return dict(zip(names, zip(model.coeff_, model.stderr), strict=True))


def xlogit_mixed(data):
    return _xlogit_mixed(data, robust=False)


def xlogit_robust(data):
    return _xlogit_mixed(data, robust=True)


def pylogit_choice(data):
    import collections
    from collections import OrderedDict
    from collections.abc import Iterable

    import pandas as pd

    collections.Iterable = Iterable  # which it still looks for there
    import pylogit

    person, alternative, chosen, cost, time = _long(data)
    frame = pd.DataFrame(
        {"id": person, "alt": alternative, "chosen": chosen, "cost": cost, "time": time}
    )
    every = [sorted(set(alternative))]
    model = pylogit.create_choice_model(
        data=frame,
        alt_id_col="alt",
        obs_id_col="id",
        choice_col="chosen",
        specification=OrderedDict(cost=every, time=every),
        model_type="MNL",
        names=OrderedDict(cost=["cost"], time=["time"]),
    )
    model.fit_mle(np.zeros(2), print_res=False)
    return dict(zip(("cost", "time"), zip(model.params, model.standard_errors), strict=True))


def _biogeme(data):
    import os
    import tempfile

    import biogeme.biogeme as bio
    import biogeme.database as db
    import pandas as pd
    from biogeme import models
    from biogeme.expressions import Beta, Variable

    columns = {"choice": data["choice"].astype(float)}
    for k in range(3):
        columns |= {f"cost{k}": data["cost"][:, k], f"time{k}": data["time"][:, k]}
    cost, time = Beta("cost", 0, None, None, 0), Beta("time", 0, None, None, 0)
    utility = {k: cost * Variable(f"cost{k}") + time * Variable(f"time{k}") for k in range(3)}
    loglike = models.loglogit(utility, None, Variable("choice"))
    os.chdir(tempfile.mkdtemp())
    quiet = {"generate_html": False, "generate_yaml": False, "save_iterations": False}
    model = bio.BIOGEME(db.Database("people", pd.DataFrame(columns)), loglike, **quiet)
    model.model_name = "choice"
    return model.estimate()


def biogeme_choice(data):
    found = _biogeme(data)
    table = found.get_estimated_parameters()
    title = next(each for each in table.columns if "ob" in each and "std" in each.lower())
    rows = table.set_index("Name") if "Name" in table.columns else table
    return {name: (rows["Value"][name], rows[title][name]) for name in ("cost", "time")}
