"""The cluster bootstrap: groups of rows drawn whole."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from itertools import chain
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from bootmle.display.checks import check_choice
from bootmle.fitting.estimator import Estimator
from bootmle.fitting.fit import Fit
from bootmle.likelihood.data import count_rows
from bootmle.likelihood.likelihood import Likelihood
from bootmle.likelihood.response import Additivity, Rows
from bootmle.optimization.leverage import CORRECTIONS
from bootmle.optimization.sandwich import Units
from bootmle.sampling.cluster_additivity import check_additive
from bootmle.sampling.cluster_levels import (
    inner_members,
    numbered,
    relabeled,
    rows_of,
    strata_of_clusters,
)
from bootmle.sampling.few_clusters import note_on_few_clusters
from bootmle.sampling.fresh_labels import FreshLabels
from bootmle.sampling.labels import members_of, read_codes, resolve_labels
from bootmle.sampling.plan import Plan, Structure
from bootmle.sampling.resample import Resample
from bootmle.sampling.streams import draw_numbers

__all__ = ["Clustered"]

# Sums over rows are sums over clusters, whatever labels there are.
_ADDITIVE = {Additivity.ADDITIVE, Additivity.CONSTANT_TERM}


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Clustered(Plan):
    """Draw G of the G clusters with replacement, each with all its rows (Field and Welsh 2007).

    Parameters
    ----------
    clusters : (n,) array_like or str
        Label of the cluster that each observation belongs to, or the column of a data frame or
        dict in ``args`` that holds them; sizes may differ. Where the objective takes rows rather
        than weights, its labels are found in ``args``, wherever they are, and each copy of a
        cluster gets its own: a cluster drawn twice is two. An objective with one contribution for
        each cluster returns them in the order in which the labels first appear.
    strata : (n,) array_like or str, optional
        Labels of strata; clusters are drawn within each.
    within : str or (n,) array_like, optional
        What is drawn with replacement within each cluster drawn, a second level (Davison and
        Hinkley 1997, section 3.8): "cases", rows (or "clusters", the same); or groups of rows
        within clusters, such as classes within schools, by their labels or the column that holds
        them.
    correction : str, optional
        "CR2" or "CR3": each replicate's own standard errors, which studentized intervals divide by,
        are corrected for the clusters' leverage (Bell and McCaffrey 2002). A factor such as CR1's
        G/(G − 1) cancels in them.

    Raises
    ------
    ValueError
        Unless there is one label for each observation, none missing, at least two clusters in
        every stratum, and every cluster in one stratum; for an unknown correction.

    Notes
    -----
    Fewer than 100 clusters: report ``confidence_interval("cr3")``, which is the recommended one.
    Coverage of 95% intervals, in percent, from the worst to the best parameter of a logit, a linear
    model and an NB2 regression, equal and unequal clusters (``benchmarks/intervals.py``; of 400
    data sets of each, studentized of 60 to 120):

    =========== ============= ============= ============= =============
    clusters    8             10            20            40
    =========== ============= ============= ============= =============
    studentized 83.3 to 98.3  85.0 to 96.7  86.7 to 96.7  88.3 to 100.0
    cr2         92.0 to 97.5  90.5 to 96.8  91.5 to 96.5  93.5 to 97.2
    cr3         94.0 to 98.2  94.0 to 97.5  93.0 to 97.2  94.0 to 97.8
    =========== ============= ============= ============= =============

    Examples
    --------
    >>> import numpy as np
    >>> from bootmle import Clustered
    >>> plan = Clustered(["a", "a", "b", "c"])
    >>> first, second, *_ = plan.draw(4, 0, np.random.default_rng(0)).weights
    >>> bool(first == second)
    True
    """

    structure: ClassVar[Structure] = Structure.CLUSTERS
    label_names: ClassVar[tuple[str, ...]] = ("clusters", "strata")

    clusters: Any
    strata: Any = None
    within: Any = None
    correction: str | None = None
    codes: NDArray[np.intp] = field(init=False)
    members: tuple[NDArray[np.intp], ...] = field(init=False)
    order: NDArray[np.intp] = field(init=False)
    groups: tuple[NDArray[np.intp], ...] = field(init=False)
    inner: tuple[tuple[NDArray[np.intp], ...], ...] = field(init=False, default=())
    labels: FreshLabels = field(init=False, default=FreshLabels())
    inner_labels: FreshLabels = field(init=False, default=FreshLabels())

    def __post_init__(self) -> None:
        """Read the labels, and list the rows of each cluster and the clusters of each stratum."""
        if self.correction is not None:
            check_choice("correction", self.correction, tuple(CORRECTIONS))
        if isinstance(self.within, str) and self.within == "clusters":
            object.__setattr__(self, "within", "cases")
        if self.within is not None and np.ndim(self.within) == 0 and not self._is_named("within"):
            raise ValueError(
                f"within: {self.within!r} is unknown; use 'cases', labels of groups within the "
                f"clusters, or leave it out"
            )
        self._set(codes=np.empty(0, np.intp), members=(), order=np.empty(0, np.intp), groups=())
        if not any(map(self._is_named, ("clusters", "strata"))):
            self._read(self.clusters, self.strata)
            if self._nests and not self._is_named("within"):
                self._set(inner=inner_members(self.codes, self.within))

    def _set(self, **read: Any) -> None:
        """Keep what was read off the labels."""
        for name, value in read.items():
            object.__setattr__(self, name, value)

    def _is_named(self, name: str) -> bool:
        """Whether labels are given by the name of a column."""
        return isinstance(getattr(self, name), str)

    @property
    def _nests(self) -> bool:
        """Whether groups of rows are drawn within clusters."""
        return self.within is not None and not (self._is_named("within") and self.within == "cases")

    def _read(self, clusters: Any, strata: Any) -> None:
        """Read labels that are at hand."""
        codes = read_codes("clusters", clusters)
        members = members_of(codes)
        groups: tuple[NDArray[np.intp], ...] = (np.arange(len(members)),)
        if strata is not None:
            groups = members_of(strata_of_clusters(codes, strata))
        if min(group.size for group in groups) < 2:
            label = np.asarray(clusters).tolist()[0]
            where = f"all rows belong to {label!r}" if strata is None else "a stratum has only one"
            raise ValueError(f"clusters: {where}; each stratum needs at least two")
        self._set(codes=codes, members=members, order=np.concatenate(members), groups=groups)

    def check(self, likelihood: Likelihood) -> None:
        """Refuse an objective that groups of rows cannot be drawn for."""
        if likelihood.rows is Rows.INDIVISIBLE and not likelihood.per_observation:
            raise ValueError(
                "sampling: Clustered() draws groups of rows, but the objective cannot be evaluated "
                "on a part of the rows: pass everything with a row for each observation in args"
            )

    def labeled(self, fit: Fit | Estimator, *, look_up: bool = True) -> Clustered:
        """Look up the labels of groups within clusters, too."""
        plan = self
        if self._nests:
            labels = resolve_labels("within", self.within, fit.args) if look_up else self.within
            labels = labels if isinstance(labels, str) else fit.labels_of_observations(labels)
            plan = self if labels is self.within else replace(self, within=labels)
        return Plan.labeled(plan, fit, look_up=look_up)

    def prepared(self, fit: Fit | Estimator) -> Clustered:
        """Look up columns; refuse labels of another number of observations."""
        plan = self.labeled(fit)
        if plan.codes.size == fit.n:
            return plan if fit.takes_weights else plan._with_labels(fit)
        if plan.codes.size == count_rows(fit.args):
            if plan.inner and sum(map(len, plan.inner)) == fit.n:
                return plan._of_units([rows for groups in plan.inner for rows in groups], "cases")
            if len(plan.members) == fit.n:
                return plan.of_clusters()
        raise ValueError(
            f"clusters: {plan.codes.size} labels for {fit.n} observations; pass one label for each "
            f"contribution, in the same order"
        )

    def _with_labels(self, fit: Fit | Estimator) -> Clustered:
        """Find the labels among the data; refuse an objective that they do not make additive."""
        likelihood = fit.likelihood
        if likelihood is not None and likelihood.response.kind in _ADDITIVE:
            return self
        labels = FreshLabels.find(fit.args, self.codes)
        plan = replace(self)
        if self.inner:
            codes = numbered(chain.from_iterable(self.inner), self.codes.size)
            within = FreshLabels.find(fit.args, codes)
            labels = labels.without(within)
            plan._set(inner_labels=within.kept_where_only_groups(fit.args, fit.changes))
        plan._set(labels=labels.kept_where_only_groups(fit.args, fit.changes))
        if likelihood is not None:
            shape = len(self.members), self.codes.size
            meaning = plan.labels.have_meaning
            check_additive(likelihood, plan._drawn, shape, meaning, *fit.responses)
        return plan

    def _drawn(self, clusters: NDArray[np.intp]) -> Resample:
        """Draw these clusters."""
        return self._resample(self.codes.size, [self._inside(k) for k in clusters])

    def of_clusters(self) -> Clustered:
        """Draw the clusters' own contributions, one for each in the order of first appearance."""
        if self.within is not None:
            raise ValueError(
                "within: the objective returns one contribution for each cluster, so that no rows "
                "can be drawn within them; return one for each row"
            )
        return self._of_units(self.members, None)

    def _of_units(self, units: Sequence[NDArray[np.intp]], within: str | None) -> Clustered:
        """Return the plan for an objective with one contribution for each unit."""
        first = np.sort([rows[0] for rows in units])
        strata = None if self.strata is None else np.asarray(self.strata)[first]
        return replace(
            self, clusters=np.asarray(self.clusters)[first], strata=strata, within=within
        )

    @property
    def score_correction(self) -> str | None:
        """As asked for."""
        return self.correction

    def units(self, n: int) -> Units | None:
        """Units are the clusters, each in its stratum."""
        return list(self.members), numbered(self.groups, len(self.members))

    def redrawn_units(self, n: int) -> Units | None:
        """Units are the clusters; rows drawn within them hide how often a cluster was."""
        return self.units(n) if self.within is None else None

    @property
    def units_apart(self) -> Sequence[NDArray[np.intp]] | None:
        """A total is taken apart into what is drawn whole."""
        if self.inner:
            return tuple(chain.from_iterable(self.inner))
        return self.members if self.within is None else None

    def unit_labels(self, n: int) -> tuple[NDArray[np.intp], list[Any]]:
        """Return the cluster of each observation, (n,), and the clusters' labels."""
        labels = np.asarray(self.clusters)
        return self.codes, [labels[rows[0]] for rows in self.members]

    @property
    def cluster_codes(self) -> NDArray[np.intp] | None:
        """Number of the cluster that each observation belongs to, (n,)."""
        return self.codes

    @property
    def stratum_codes(self) -> NDArray[np.intp] | None:
        """Number of the stratum that each cluster belongs to, (G,), where there are several."""
        return numbered(self.groups, len(self.members)) if len(self.groups) > 1 else None

    @property
    def studentizes(self) -> bool:
        """Clusters drawn whole are units; rows drawn within them hide how often a cluster was."""
        return self.within is None

    def draw(self, n: int, replicate: int, rng: np.random.Generator) -> Resample:
        """Draw one resample of clusters."""
        drawn = [group[draw_numbers(rng, group.size, group.size)] for group in self.groups]
        chosen = np.concatenate(drawn)
        if self.within is None and not self.labels.places:
            return Resample(n, rows=rows_of(chosen, self.codes, self.order))
        parts = [self._inside(cluster) for cluster in chosen]
        if self.inner:
            parts = [[each[k] for k in draw_numbers(rng, len(each), len(each))] for each in parts]
        elif self.within is not None:
            parts = [[rows[draw_numbers(rng, rows.size, rows.size)]] for (rows,) in parts]
        return self._resample(n, parts)

    def _inside(self, cluster: int) -> Sequence[NDArray[np.intp]]:
        """Return the rows of the groups within a cluster, or of all of it."""
        return self.inner[cluster] if self.inner else (self.members[cluster],)

    def _resample(self, n: int, parts: Sequence[Sequence[NDArray[np.intp]]]) -> Resample:
        """Put the rows of clusters drawn together, each group with labels of its own."""
        groups = list(chain.from_iterable(parts))
        rows, sizes = np.concatenate(groups), [group.size for group in groups]
        if not self.labels.places and not self.inner_labels.places:
            return Resample(n, rows=rows)
        cluster = np.repeat(np.arange(len(parts)), [len(each) for each in parts])
        copies = np.repeat(cluster, sizes), np.repeat(np.arange(len(groups)), sizes)
        both = partial(relabeled, levels=(self.labels, self.inner_labels), rows=rows, copies=copies)
        return Resample(n, rows=rows, relabel=both)

    def identity(self) -> list[Any]:
        """Return labels and what follows from them, None where there are no fresh ones."""
        drawn = (self.codes, self.members, self.groups, self.labels.places or None)
        inner = [self.inner, self.inner_labels.places or None] if self.inner else []
        corrected = [] if self.correction is None else [self.correction]
        return [self.clusters, self.strata, self.within, *drawn, *inner, *corrected]

    def notes(self, n: int, centered: bool) -> tuple[str, ...]:
        """Say that there are few clusters, or a few large ones."""
        return note_on_few_clusters(np.array([rows.size for rows in self.members]))

    def __repr__(self) -> str:
        """Show how many clusters there are, not all labels."""
        what = f"{len(self.members)} clusters" if self.members else repr(self.clusters)
        more = "" if self.strata is None else f", {len(self.groups) or self.strata!r} strata"
        if self.within is not None:
            groups = f"{sum(map(len, self.inner))} groups" if self.inner else repr(self.within)
            more += f", within {'cases' if not self._nests else groups}"
        more += "" if self.correction is None else f", correction={self.correction!r}"
        return f"Clustered({what}{more})"
