"""The parametric bootstrap: data simulated at the estimate."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any, ClassVar

import numpy as np

from bootmle.fitting.estimator import Estimator
from bootmle.fitting.fit import Fit
from bootmle.likelihood.arrays import Floats
from bootmle.likelihood.data import check_call
from bootmle.likelihood.likelihood import Likelihood
from bootmle.sampling.digests import check_simulator, checksum_simulated
from bootmle.sampling.plan import Plan, Structure
from bootmle.sampling.resample import Resample

__all__ = ["Parametric"]


@dataclass(frozen=True, slots=True, repr=False)
class Parametric(Plan):
    """Simulate new data at the estimate (Efron and Tibshirani 1993, section 6.5).

    Parameters
    ----------
    simulate : callable
        ``simulate(params, rng, *args) -> args``: data of the same form as ``args``, drawn with the
        Generator ``rng`` at the full parameter vector ``params``. Covariates are returned
        unchanged.

    Raises
    ------
    TypeError
        For an argument that cannot be called.

    Examples
    --------
    >>> import numpy as np
    >>> from bootmle import Parametric, bootstrap, fit
    >>> y = np.random.default_rng(0).exponential(2.0, 100)
    >>> mle = fit(lambda params, y: params[0] + y / np.exp(params[0]), {"log_mean": 0.0}, args=y)
    >>> plan = Parametric(lambda params, rng, y: rng.exponential(np.exp(params[0]), y.size))
    >>> boot = bootstrap(mle, sampling=plan, n_resamples=199, rng=0)
    >>> bool(abs(boot.standard_error[0] - 0.1) < 0.02)
    True
    """

    structure: ClassVar[Structure] = Structure.MODEL

    simulate: Callable[..., Any]

    def __post_init__(self) -> None:
        """Check that it can be called."""
        if not callable(self.simulate):
            raise TypeError(
                f"simulate: {self.simulate!r} is not callable; pass simulate(params, rng, *args)"
            )

    def __repr__(self) -> str:
        """Show the function's name."""
        name = getattr(self.simulate, "__name__", type(self.simulate).__name__)
        return f"Parametric({name})"

    def check(self, likelihood: Likelihood) -> None:
        """Refuse an objective that takes no data."""
        if not likelihood.args:
            raise ValueError(
                "sampling: Parametric() simulates args, but the objective holds its data itself; "
                "pass the data in args"
            )
        check_call("simulate", self.simulate, likelihood.args, ("params", "rng"))

    def prepared(self, fit: Fit | Estimator) -> Parametric:
        """Refuse a simulator that draws from another stream, or into its arguments."""
        check_simulator(self.simulate, fit)
        return self

    def description(self, fit: Fit | Estimator) -> str:
        """Identify the simulator by what it makes of one stream, too."""
        made = checksum_simulated(self.simulate, fit.estimate, fit.written_out_args)
        return f"{Plan.description(self, fit)} {made}"

    @property
    def fixes_size(self) -> bool:
        """Data of any number of rows may be simulated."""
        return False

    def draw(self, n: int, replicate: int, rng: np.random.Generator) -> Resample:
        """Bind the replicate's own random stream."""
        return Resample(n, simulate=partial(_simulate, self.simulate, rng))


def _simulate(
    simulate: Callable[..., Any],
    rng: np.random.Generator,
    params: Floats,
    args: tuple[Any, ...],
) -> Any:
    """Call the user's function in its own order of arguments."""
    drawn = simulate(params.copy(), rng, *args)
    if drawn is None or np.isscalar(drawn):
        raise TypeError(f"simulate: returned {drawn!r}; return data of the form of args")
    return drawn
