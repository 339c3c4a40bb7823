"""The one exception with which the service refuses a request: a status and a sentence."""

from __future__ import annotations


class Refused(Exception):
    """status: of HTTP. sentence: what happened and what to do. retry_after: seconds, for 429."""

    def __init__(self, status: int, sentence: str, retry_after: int | None = None) -> None:
        super().__init__(sentence)
        self.status, self.sentence, self.retry_after = status, sentence, retry_after

    @property
    def headers(self) -> dict[str, str]:
        headers = {} if self.retry_after is None else {"Retry-After": str(self.retry_after)}
        if self.status == 401:
            headers["WWW-Authenticate"] = "Bearer"
        return headers
