"""Expressions of logic.toml: from text to `hazards.logic`, with the place of whatever is wrong.

::

    FAN-01:low and (CH4-01:rate or CH4-02:rate)
    2 of (GAS-01:high, GAS-02:high, GAS-03:high) and not C001/VALVE-7:low

A term is a point's id, a colon and one of its conditions; an enterprise's id and a slash go before a point of
another enterprise. A vote's members are expressions, so a group votes as one: ``2 of ((A:high or B:high), C:high)``.

The grammar is four rules long, so it is read by hand: a general parser would bring more rules than it saves, and
would speak of tokens where an engineer needs to hear of conditions. Two things are refused that such grammars
usually take: ``and`` beside ``or`` without parentheses, because people disagree on what it means, and anything
computed, because that belongs into a derived point.
"""

import re
from dataclasses import dataclass, field
from typing import NoReturn

from hazards.condition import Condition
from hazards.logic import And, Expression, Not, Or, Term, Vote
from hazards.mistakes import near_match
from hazards.plant import PointKey

__all__ = ["ExpressionError", "parse_expression"]

_ID = r"[A-Za-z0-9_.-]{1,64}"
_TOKEN = re.compile(rf"(?:({_ID})/)?({_ID}):([A-Za-z_]+)|([A-Za-z0-9_.-]+)|([(),])")
_SPACE = re.compile(r"\s*")
_CONDITIONS = {c.word: c for c in Condition}
_DEEPEST = 20


class ExpressionError(Exception):
    """An expression that cannot be read: the code of the mistake, where, and its facts."""

    def __init__(self, code: str, at: int, **facts: str) -> None:
        super().__init__(f"character {at}: {code}")
        self.code = code
        self.at = at
        """Position of the character, from 1."""
        self.facts = facts


@dataclass(frozen=True, slots=True)
class _Token:
    text: str
    at: int
    term: tuple[str, str, str] | None = None
    """Enterprise, point, condition."""


def parse_expression(text: str, enterprise: str) -> Expression:
    """Read an expression.

    Parameters
    ----------
    text : str
        As in the module's docstring.
    enterprise : str
        Of points that name none.

    Raises
    ------
    ExpressionError
        With the first thing that is wrong, and where.

    Examples
    --------
    >>> str(parse_expression("FAN-01:low and 2 of (A:high, B:high, C:high)", "M001"))
    '(M001/FAN-01:low and 2 of (M001/A:high, M001/B:high, M001/C:high))'
    >>> parse_expression("A:high and B:hihg", "M001")
    Traceback (most recent call last):
    hazards.logic_expression.ExpressionError: character 12: logic-condition-near
    """
    reader = _Reader(list(_tokens(text)), len(text.rstrip()) + 1, enterprise)
    expression = reader.whole()
    if reader.position < len(reader.tokens):
        reader.fail("logic-operator")
    return expression


def _tokens(text: str) -> list[_Token]:
    found: list[_Token] = []
    at = 0
    while True:
        match = _SPACE.match(text, at)
        at = match.end() if match else at
        if at == len(text):
            return found
        token = _TOKEN.match(text, at)
        if token is None:
            raise ExpressionError("logic-character", at + 1, got=text[at])
        term = (token[1] or "", token[2], token[3]) if token[2] else None
        found.append(_Token(token[0], at + 1, term))
        at = token.end()


@dataclass(slots=True)
class _Reader:
    tokens: list[_Token]
    end: int
    enterprise: str
    position: int = 0
    depth: int = field(default=0)

    def peek(self) -> str:
        """The next word in lower case; empty at the end and for a term, whatever the point is called."""
        if self.position == len(self.tokens) or self.tokens[self.position].term:
            return ""
        return self.tokens[self.position].text.lower()

    def take(self, word: str) -> bool:
        if self.peek() != word:
            return False
        self.position += 1
        return True

    def fail(self, code: str, **facts: str) -> NoReturn:
        if self.position == len(self.tokens):
            raise ExpressionError(f"{code}-end", self.end, **facts)
        token = self.tokens[self.position]
        raise ExpressionError(code, token.at, got=token.text, **facts)

    def whole(self) -> Expression:
        """Parts joined by ``and``, or by ``or``."""
        self.depth += 1
        if self.depth > _DEEPEST:
            raise ExpressionError("logic-deep", self.tokens[self.position - 1].at, most=str(_DEEPEST))
        parts, joint = [self.part()], ""
        while (word := self.peek()) in ("and", "or"):
            if joint and word != joint:
                self.fail("logic-mixed")
            joint = word
            self.position += 1
            parts.append(self.part())
        self.depth -= 1
        if not joint:
            return parts[0]
        return And(tuple(parts)) if joint == "and" else Or(tuple(parts))

    def part(self) -> Expression:
        negations = 0
        while self.take("not"):
            negations += 1
        inner = self.plain()
        return Not(inner) if negations % 2 else inner

    def plain(self) -> Expression:
        if self.take("("):
            inner = self.whole()
            if not self.take(")"):
                self.fail("logic-close")
            return inner
        if self.peek().isdecimal():
            return self.vote()
        if self.position < len(self.tokens) and (term := self.tokens[self.position].term):
            return self.term(*term)
        return self.fail("logic-term")

    def vote(self) -> Expression:
        token = self.tokens[self.position]
        self.position += 1
        if not (self.take("of") and self.take("(")):
            self.fail("logic-vote")
        members = [self.whole()]
        while self.take(","):
            members.append(self.whole())
        if not self.take(")"):
            self.fail("logic-vote-close")
        needed = int(token.text) if len(token.text) <= 4 else 10_000
        if not 1 <= needed <= len(members):
            raise ExpressionError("logic-vote-size", token.at, got=token.text, members=str(len(members)))
        for position, member in enumerate(members):
            if member in members[:position]:
                raise ExpressionError("logic-vote-twice", token.at, got=str(member))
        return Vote(needed, tuple(members))

    def term(self, enterprise: str, point: str, word: str) -> Expression:
        condition = _CONDITIONS.get(word.lower())
        if condition is None:
            if near := near_match(word, _CONDITIONS):
                self.fail("logic-condition-near", word=word, near=near)
            self.fail("logic-condition", word=word, known=", ".join(_CONDITIONS))
        self.position += 1
        return Term(PointKey(enterprise or self.enterprise, point), condition)
