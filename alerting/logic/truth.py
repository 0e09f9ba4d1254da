"""What an expression comes to when some of its terms cannot be known: Kleene's three values, and votes that degrade.

Unknown is not normal. ``and`` with a false part is false and ``or`` with a true part is true whatever the rest is;
otherwise an unknown part makes the whole unknown.

A vote is for redundant instruments, so it says more: an unknown member counts as a vote that needs at least one real
one. 2 of 3 becomes 1 of 2 when one fails. With as many unknown as are needed and none true nobody can say that there
is no danger: the vote is blind. If then one is true, somebody does say that there is, and it is believed.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import IntEnum

from hazards.logic import And, Expression, Not, Or, Term, Vote

__all__ = ["Known", "Verdict", "judge", "judge_vote"]


class Known(IntEnum):
    """What is known of a term."""

    FALSE = 0
    TRUE = 1
    UNKNOWN = 2
    """Faulty, silent, or no longer checked."""
    AWAITED = 3
    """Not heard since the beginning, but not silent for too long either: unknown, yet no failure."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """What an expression comes to."""

    truth: bool | None
    """None: it cannot be known."""
    doubt: bool = False
    """Whether any term is unknown."""
    awaited: bool = False
    """Whether any term is awaited: what is unknown now may be known in a moment."""


_OF_TERM = {
    Known.FALSE: Verdict(False),
    Known.TRUE: Verdict(True),
    Known.UNKNOWN: Verdict(None, doubt=True),
    Known.AWAITED: Verdict(None, doubt=True, awaited=True),
}


def judge(expression: Expression, known: Callable[[Term], Known]) -> Verdict:
    """Judge an expression.

    >>> from hazards.logic_expression import parse_expression
    >>> vote = parse_expression("2 of (A:high, B:high, C:high)", "M001")
    >>> def with_states(*states):
    ...     by_point = dict(zip("ABC", states))
    ...     return judge(vote, lambda term: by_point[term.point.point]).truth
    >>> with_states(Known.TRUE, Known.FALSE, Known.FALSE)
    False
    >>> with_states(Known.TRUE, Known.FALSE, Known.UNKNOWN)
    True
    >>> with_states(Known.FALSE, Known.UNKNOWN, Known.UNKNOWN) is None
    True
    """
    match expression:
        case Term():
            return _OF_TERM[known(expression)]
        case Not(inner):
            found = judge(inner, known)
            return found if found.truth is None else Verdict(not found.truth, found.doubt, found.awaited)
        case And(inner_all):
            parts = [judge(part, known) for part in inner_all]
            return _joined(parts, decisive=False)
        case Or(inner_all):
            parts = [judge(part, known) for part in inner_all]
            return _joined(parts, decisive=True)
        case Vote(needed, inner_all):
            parts = [judge(part, known) for part in inner_all]
            return Verdict(judge_vote(needed, parts), any(p.doubt for p in parts), any(p.awaited for p in parts))


def _joined(parts: Sequence[Verdict], *, decisive: bool) -> Verdict:
    truths = {part.truth for part in parts}
    truth = decisive if decisive in truths else None if None in truths else not decisive
    return Verdict(truth, any(p.doubt for p in parts), any(p.awaited for p in parts))


def judge_vote(needed: int, parts: Sequence[Verdict]) -> bool | None:
    """The outcome of a vote; None if it is blind."""
    true = sum(part.truth is True for part in parts)
    # A member that has not spoken yet has not failed: it neither votes nor lowers what is needed.
    awaited = sum(part.truth is None and part.awaited for part in parts)
    failed = sum(part.truth is None and not part.awaited for part in parts)
    if true and true + failed >= needed:
        return True
    return None if true + failed + awaited >= needed else False
