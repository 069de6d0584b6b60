"""How paths on which one parameter is moved are continued, and when they have arrived."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["RULES"]


@dataclass(frozen=True, slots=True)
class Rules:
    """How a path is continued, and when it has reached a supremum."""

    first: float = 0.1
    """First step, as a share of the way that the search went with the parameter."""
    longest: float = 0.5
    """Longest first step, in sizes of the parameter or of 1: a logarithm may have gone far."""
    growth: float = 1.5
    """Of a step after one that succeeded."""
    halvings: int = 6
    """Of a step, until the others can be followed."""
    evaluations: int = 100
    """At most, times (q + 1)²: a station takes about twice that square."""
    near_evaluations: int = 25
    """The same of a path that begins near the end, where a few stations are enough."""
    legs: int = 4
    """Times that the others are fitted at a station."""
    level: float = 1e-5
    """Change of the nll that is none: what errors of 1e-3 standard errors of 20 others make."""
    spacings: tuple[float, ...] = (1.0, 0.1, 1e-2, 1e-3)
    """Of points whose differences show noise, in shares of 1e-4 of a step: the first over which the
    nll hardly changes."""
    visible: float = 1e-3
    """Fall from one station to the next from which on no noise is looked for: where a gamma
    function's logarithm saturates it is 1e-5 of that then."""
    smooth: float = 1e-6
    """By so much: of a quadratic, third differences are 1e-11 then."""
    nearby: float = 0.5
    """First step from the end of a search, as a share of its way."""
    back_near: float = 0.25
    """Step back from there, as a share of it."""
    alike: float = 0.1
    """Share of what is measured with points ten times as far apart from which on it is noise: third
    differences of a smooth nll fall to a thousandth."""
    nearer: float = 0.4
    """Share of the way, from which on the nll is level where there is a supremum."""
    gradual: int = 3
    """Stations from which it fell at least: onto a ridge it does so at once."""
    rise: float = 3e-5
    """Rise beyond the end of a search that noise may make: 0.008 standard errors."""
    near_gradual: int = 2
    """The same where it is known to be higher at the center."""
    saturating: float = 0.01
    """Share of the whole fall that is left over the last doubling, where noise hides the rest."""
    hidden: float = 5.0
    """Noise levels up to which a fall is none: others that are fitted find where it is lowest."""
    back: int = 12
    """Stations back from the start at most, where the nll is as low there already."""
    least: int = 5
    """Stations of a path that ends in noise."""
    endless: tuple[int, float] = (5, 0.8)
    """Last stations over which the nll has fallen at the same pace, within this share, where there
    is no supremum: over a doubling of the distance, the fall to one has died out."""
    beyond: float = 1.0
    """Distance, of a logarithm, from where the search ended; as far again of anything else."""
    diverging: float = 0.85
    """Ratio of another parameter's last two moves, each over a doubling of the distance, from which
    on it diverges, too: a logarithm has 1, a square root 1.4, what converges as 1/√t has 0.7."""
    moved: float = 0.1
    """Last move, in standard errors, of one that has converged."""
    resting: float = 1.0
    """Exponent, over the last three stations, of an approach to a limit."""
    slowing: float = 0.5
    """Exponent from which on it may become one: what diverges as a square root has 0.3."""
    waits: int = 3
    """Stations more, at most, that show it: the exponent grows with the way that they span."""
    further: float = 0.2
    """First step from the end, as a share of the way to it."""


RULES = Rules()
