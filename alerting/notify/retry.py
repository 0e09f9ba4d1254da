"""When a failed delivery is tried again, and when it is given up."""

from dataclasses import dataclass

__all__ = ["RetryPolicy"]


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """Growing, jittered pauses within a budget.

    Each pause is twice the one before, up to the longest, and then varied by a quarter either way, so that
    receivers which come back are not met by everybody at once.
    """

    first_ms: int = 1_000
    longest_ms: int = 600_000
    budget_ms: int = 86_400_000
    """Counted from the event's decision. [ms]"""

    def next_due_ms(
        self, attempts: int, created_ms: int, now_ms: int, jitter: float, retry_after_s: float | None = None
    ) -> int | None:
        """When to try again; None when the budget is spent.

        Parameters
        ----------
        attempts : int
            Made so far, at least 1.
        created_ms, now_ms : int
            When the delivery began, and now. [ms since 1970 UTC]
        jitter : float
            Uniform in 0..1.
        retry_after_s : float, optional
            What the receiver asked for: honoured where it is longer than the pause. The budget's end is a last
            attempt either way. [s]

        Examples
        --------
        >>> policy = RetryPolicy()
        >>> [policy.next_due_ms(n, 0, 0, 0.5) for n in (1, 2, 3, 20)]
        [1000, 2000, 4000, 600000]
        >>> policy.next_due_ms(1, 0, 0, 0.5, retry_after_s=30.0), policy.next_due_ms(99, 0, 86_400_000, 0.5)
        (30000, None)
        """
        end_ms = created_ms + self.budget_ms
        if now_ms >= end_ms:
            return None
        # The exponent is bounded so that thousands of attempts do not make thousands of digits.
        pause_ms = min(self.longest_ms, self.first_ms * 2 ** min(attempts - 1, 40)) * (0.75 + 0.5 * jitter)
        if retry_after_s is not None:
            pause_ms = max(pause_ms, retry_after_s * 1000)
        return min(now_ms + max(1, int(min(pause_ms, self.budget_ms))), end_ms)
