"""What an outcome is: a decoded answer, or the typed error that says what happened.

Every text of the venue's goes through `safe`: a venue may repeat our signed request.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from quantlab.binance.client.endpoints import Effect, Endpoint
from quantlab.binance.codec_rest import decode_error
from quantlab.binance.errors import TEXT_LENGTH, outcome_is_unknown, redact, refusal
from quantlab.binance.transport import Lost, Reply
from quantlab.domain.text import printable
from quantlab.errors import UndecodableReply, VenueUnavailable

T = TypeVar("T")


class Answers:
    """Reads the answers to one client.

    Args:
        base: The venue's address, as errors name it.
        api_key: Never shown; "" for none.
    """

    def __init__(self, base: str, api_key: str) -> None:
        self._base, self._api_key = base, api_key

    def __repr__(self) -> str:
        return f"<Answers of {self._base}>"

    def succeeded(
        self, endpoint: Endpoint, outcome: Reply | Lost, *, client_order_id: str | None = None
    ) -> Reply:
        """The reply of a request that succeeded.

        Raises:
            VenueUnavailable: There is none, or it leaves open what the venue did.
            VenueRejected: A definite refusal; see `errors.refusal`.
        """
        call = endpoint.call
        if isinstance(outcome, Lost):
            raise VenueUnavailable(
                f"{call} at {self._base} got no answer: {outcome.cause}",
                message=outcome.cause, method=call, client_order_id=client_order_id,
            )  # fmt: skip
        if outcome.status == 200:
            return outcome
        code, message = self._told(outcome)
        changes = endpoint.effect is not Effect.READ
        if outcome_is_unknown(outcome.status, code, changes=changes):
            raise VenueUnavailable(
                f"{call} got HTTP {outcome.status}: {code} {message}",
                code=code, message=message, status=outcome.status, method=call,
                client_order_id=client_order_id,
            )  # fmt: skip
        raise refusal(
            status=outcome.status,
            code=code,
            message=message,
            retry_after_s=outcome.retry_after_s,
            method=call,
            order=changes,
            client_order_id=client_order_id,
        )

    def decoded(
        self, reply: Reply, decode: Callable[[bytes], T], call: str, *, client_order_id: str | None = None
    ) -> T:
        """The body as `decode` reads it.

        Raises:
            UndecodableReply: It is not what the document says.
        """
        try:
            return decode(reply.body)
        except UndecodableReply as error:
            problem = self.safe(str(error))
        raise UndecodableReply(
            f"{call}: {problem}",
            message=problem, status=reply.status, method=call, client_order_id=client_order_id,
        )  # fmt: skip

    def _told(self, reply: Reply) -> tuple[int, str]:
        code, message = decode_error(reply.body)  # here, so that no frame of an error holds it as it came
        return code, self.safe(message)

    def safe(self, text: str) -> str:
        """A text of the venue's without what is secret in it."""
        if self._api_key:
            text = text.replace(self._api_key, "[redacted]")
        return printable(redact(text)[:TEXT_LENGTH])
