"""
What can come between a checkout and its hold.

    ReservationError
    ├── InvalidRequest    it makes no sense: nothing was sent, the message says what is wrong
    ├── Unreachable       Kafka can't be asked: the message says what to do
    ├── Unanswered        it was sent, and there is no answer yet: it may still be granted
    └── Refused           the stock agent said no, and why
"""

from connectors.protocols import ConnectorError
from connectors.reservations.translate import Answer


class ReservationError(ConnectorError):
    """A request about a hold was not granted; the message is one sentence for people."""


class InvalidRequest(ReservationError):
    """The request makes no sense, so that the stock agent would not even answer it; nothing was sent."""


class Unreachable(ReservationError):
    """No broker answers, or the topics are not there."""


class Unanswered(ReservationError):
    """
    No answer came in time. The request may be granted later, or have been: nobody knows yet.

    Ask about the same hold_id again, under the same owner, or leave it: a hold ends by itself.
    """

    def __init__(self, sku: str, hold_id: str, seconds: float) -> None:
        super().__init__(
            f"No answer about hold {hold_id} of {sku} within {seconds:g} s: is a worker running?"
        )
        self.sku = sku
        self.hold_id = hold_id


class Refused(ReservationError):
    """The stock agent refused; `answer` says why (`reason`) and how the hold stands."""

    def __init__(self, answer: Answer) -> None:
        super().__init__(f"Hold {answer.hold_id} of {answer.sku} was refused: {answer.reason}.")
        self.answer = answer

    @property
    def reason(self) -> str:
        """One of streams.domain.errors.Reason, such as INSUFFICIENT_STOCK or HOLD_EXPIRED."""
        assert self.answer.reason is not None, "every refusal has a reason"
        return self.answer.reason
