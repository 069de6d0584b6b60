"""What a bootstrap refits: the questions that a Fit and an Estimator both answer."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bootmle.likelihood.arrays import Floats
from bootmle.likelihood.data import check_unchanged
from bootmle.likelihood.likelihood import Likelihood
from bootmle.optimization.sandwich import Units
from bootmle.optimization.status import Status

__all__ = ["Fitted"]


class Fitted(ABC):
    """A model fitted to n observations; the answers given here are those of no likelihood."""

    __slots__ = ()

    estimate: Floats
    names: tuple[str, ...]
    status: Status
    notes: tuple[str, ...]
    likelihood: Likelihood | None

    @property
    @abstractmethod
    def n(self) -> int:
        """Number of observations that are resampled."""

    @property
    @abstractmethod
    def args(self) -> tuple[Any, ...]:
        """The data."""

    @property
    @abstractmethod
    def takes_weights(self) -> bool:
        """Whether resamples can act through weights of the observations."""

    @property
    @abstractmethod
    def why_no_weights(self) -> str:
        """Why they cannot, and what to do, as the end of "... weights, which"."""

    @property
    def converged(self) -> bool:
        """Whether the estimate is a certified optimum (at a bound included), or the user's own."""
        return self.status.converged

    @property
    def free(self) -> NDArray[np.bool_]:
        """Which of the p parameters are fitted rather than fixed, (p,)."""
        return np.ones(len(self.names), dtype=bool)

    @property
    def fixed(self) -> tuple[str, ...]:
        """Names of the fixed parameters."""
        return tuple(name for name, free in zip(self.names, self.free, strict=True) if not free)

    @property
    def not_identified(self) -> tuple[str, ...]:
        """Names of the parameters with a part in a direction that the data do not identify."""
        return ()

    @property
    def at_bound(self) -> tuple[str, ...]:
        """Names of the parameters at a bound; of a function's estimates none is known."""
        return ()

    @property
    def null_directions(self) -> Floats:
        """The directions that the data do not identify, (p, k)."""
        return np.zeros((len(self.names), 0))

    @property
    def hessian_errors(self) -> Floats:
        """Standard errors by the Hessian, (p,); NaN where none follow from it."""
        return np.full(len(self.names), np.nan)

    @property
    def resampling_notes(self) -> tuple[str, ...]:
        """How resamples act, where that is not what the objective's form suggests."""
        return ()

    @property
    def written_out_args(self) -> tuple[Any, ...]:
        """The data with a row for each observation, where rows may stand for several."""
        return self.args

    def labels_of_observations(self, labels: Any) -> Any:
        """Return labels of observations, given those of the data's rows, or of observations."""
        return labels

    def check_optimum(self) -> None:
        """Refuse an estimate that no refit can start from."""
        if not self.status.has_optimum:
            how = "" if self.likelihood is None else f" ({self.likelihood.how_to_fix})"
            raise ValueError(
                f"fit: there is no optimum to refit from: {self.status.message}; see print(fit), "
                f"then start elsewhere, or bound the diverging parameter, or fix it{how}"
            )

    def influence_functions(self) -> Floats | None:
        """Return each observation's influence on the estimate, (n, q), where scores tell it."""
        return None

    @abstractmethod
    def check_repeatable(self) -> None:
        """Refuse a model whose value is another one each time."""

    @property
    def fingerprint(self) -> tuple[int, ...] | None:
        """Checksums of the data as they were fitted; None where they are simulated."""
        return None if self.likelihood is None else self.likelihood.fingerprint

    def check_data(self) -> None:
        """Refuse data that have changed since they were fitted."""
        check_unchanged(self.args, self.fingerprint)

    @property
    def responses(self) -> tuple[Sequence[Floats], Sequence[float]]:
        """Points at which a likelihood's response to units is measured, and the values at two."""
        return (), ()

    @abstractmethod
    def changes(self, args: tuple[Any, ...]) -> bool:
        """Whether the model has another value on other data of the same rows, or none."""

    @abstractmethod
    def own_errors(self, units: Units | None) -> Floats | None:
        """Compute standard errors, (p,), by the formula of each replicate's; None without one."""

    @abstractmethod
    def refit(self, args: Any, start: Floats) -> Fitted:
        """Fit the same model to other data of the same form, from a full parameter vector."""

    @abstractmethod
    def description(self, seed: int) -> dict[str, Any]:
        """Describe the data, the objective and its parameters in a form that JSON holds."""

    def start(self) -> dict[str, Any]:
        """Describe where refits start in a form that JSON holds."""
        return {"estimate": self.estimate.tolist()}

    @abstractmethod
    def restored(self, start: Mapping[str, Any]) -> Fitted:
        """Start where `start` says, to the last bit; raise ValueError where that is far away."""
