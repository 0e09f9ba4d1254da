"""How a logic point stands, in words: what it comes to, what is unknown, and what its votes have become."""

from collections.abc import Callable, Iterator

from alerting.logic.truth import Known, Verdict, judge
from hazards.logic import And, Expression, Not, Or, Term, Vote, terms_of
from hazards.plant import Name

__all__ = ["describe"]

_STATE = {
    True: Name("条件成立", "holds"),
    False: Name("条件不成立", "does not hold"),
    None: Name("无法判断", "blind"),
}


def describe(verdict: Verdict, when: Expression, known: Callable[[Term], Known]) -> Name:
    """One sentence in both languages.

    Parameters
    ----------
    verdict : Verdict
        What the expression comes to.
    when : Expression
    known : callable
        What is known of each term.

    Examples
    --------
    >>> from hazards.logic_expression import parse_expression
    >>> vote = parse_expression("2 of (A:high, B:high, C:high)", "M001")
    >>> states = {"A": Known.UNKNOWN, "B": Known.FALSE, "C": Known.FALSE}
    >>> known = lambda term: states[term.point.point]
    >>> describe(judge(vote, known), vote, known).en
    'does not hold; degraded: M001/A unknown; vote 2 of 3 is now 1 of 2'
    >>> states["B"] = Known.UNKNOWN
    >>> describe(judge(vote, known), vote, known).en
    'blind: M001/A, M001/B unknown; vote 2 of 3 is blind'
    """
    points = list(dict.fromkeys(str(t.point) for t in terms_of(when) if known(t) in (Known.UNKNOWN, Known.AWAITED)))
    zh, en = _STATE[verdict.truth].zh, _STATE[verdict.truth].en
    if points:
        zh += ("：" if verdict.truth is None else "；降级：") + "、".join(points) + " 未知"
        en += (": " if verdict.truth is None else "; degraded: ") + ", ".join(points) + " unknown"
    for vote in _votes(when):
        parts = [judge(part, known) for part in vote.of]
        unknown = sum(part.truth is None for part in parts)
        if unknown:
            needed, left = vote.needed - unknown, len(parts) - unknown
            was_zh, was_en = f"{len(parts)} 取 {vote.needed}", f"{vote.needed} of {len(parts)}"
            if judge(vote, known).truth is None:
                zh, en = f"{zh}；表决 {was_zh} 失去判断", f"{en}; vote {was_en} is blind"
            else:
                zh = f"{zh}；表决 {was_zh} 现为 {left} 取 {max(needed, 1)}"
                en = f"{en}; vote {was_en} is now {max(needed, 1)} of {left}"
    return Name(zh, en)


def _votes(expression: Expression) -> Iterator[Vote]:
    match expression:
        case Term():
            return
        case Not(part):
            yield from _votes(part)
        case And(parts) | Or(parts) | Vote(_, parts):
            if isinstance(expression, Vote):
                yield expression
            for part in parts:
                yield from _votes(part)
