"""Logic across points as objects: conditions of points joined by and, or, not and votes.

`logic_expression` reads them from text, `logic_toml` from a plant's logic.toml; `alerting.logic` judges them.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from hazards.condition import Condition
from hazards.plant import PointKey

__all__ = ["And", "Expression", "LogicPoint", "Not", "Or", "Term", "Vote", "levels", "terms_of"]


@dataclass(frozen=True, slots=True)
class Term:
    """A condition of a point, true while it stands: ``M001/CH4-01:high``."""

    point: PointKey
    condition: Condition

    def __str__(self) -> str:
        return f"{self.point}:{self.condition.word}"


@dataclass(frozen=True, slots=True)
class Not:
    """True where the part is not."""

    of: "Expression"

    def __str__(self) -> str:
        return f"not {self.of}"


@dataclass(frozen=True, slots=True)
class And:
    """True where every part is."""

    of: "tuple[Expression, ...]"

    def __str__(self) -> str:
        return "(" + " and ".join(map(str, self.of)) + ")"


@dataclass(frozen=True, slots=True)
class Or:
    """True where any part is."""

    of: "tuple[Expression, ...]"

    def __str__(self) -> str:
        return "(" + " or ".join(map(str, self.of)) + ")"


@dataclass(frozen=True, slots=True)
class Vote:
    """True where at least ``needed`` parts are; a part that cannot be known lowers what is needed of the others."""

    needed: int
    of: "tuple[Expression, ...]"

    def __str__(self) -> str:
        return f"{self.needed} of (" + ", ".join(map(str, self.of)) + ")"


Expression = Term | Not | And | Or | Vote


@dataclass(frozen=True, slots=True)
class LogicPoint:
    """A virtual point: 1 while its expression holds, 0 while it does not."""

    key: PointKey
    when: Expression


def terms_of(expression: Expression) -> Iterator[Term]:
    """The terms of an expression, from left to right.

    >>> a, b = (Term(PointKey("M001", p), Condition.HIGH) for p in ("A", "B"))
    >>> [str(term) for term in terms_of(And((a, Not(b))))]
    ['M001/A:high', 'M001/B:high']
    """
    match expression:
        case Term():
            yield expression
        case Not(part):
            yield from terms_of(part)
        case And(parts) | Or(parts) | Vote(_, parts):
            for part in parts:
                yield from terms_of(part)


def levels(points: Sequence[LogicPoint]) -> tuple[tuple[LogicPoint, ...], ...]:
    """Logic points by level: each has logic points of lower levels only among its terms.

    Raises
    ------
    ValueError
        If some depend on each other in a circle; the text names them in order.

    Examples
    --------
    >>> m = lambda p: PointKey("M001", p)
    >>> upper = LogicPoint(m("B"), Term(m("A"), Condition.HIGH))
    >>> lower = LogicPoint(m("A"), Term(m("CH4-01"), Condition.HIGH))
    >>> [[p.key.point for p in level] for level in levels([upper, lower])]
    [['A'], ['B']]
    """
    inner = {p.key: {term.point for term in terms_of(p.when)} for p in points}
    for key, points_inside in inner.items():
        inner[key] = {k for k in points_inside if k in inner}
    found: list[tuple[LogicPoint, ...]] = []
    settled: set[PointKey] = set()
    while left := [p for p in points if p.key not in settled]:
        level = tuple(p for p in left if inner[p.key] <= settled)
        if not level:
            raise ValueError(" -> ".join(map(str, _circle(left[0].key, inner, settled))))
        found.append(level)
        settled.update(p.key for p in level)
    return tuple(found)


def _circle(key: PointKey, inner: Mapping[PointKey, set[PointKey]], settled: set[PointKey]) -> list[PointKey]:
    """A circle that is reached from a point which none of the settled ones explains."""
    path: list[PointKey] = []
    while key not in path:
        path.append(key)
        key = min(inner[key] - settled)
    return [*path[path.index(key) :], key]
