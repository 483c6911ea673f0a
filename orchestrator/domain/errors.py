"""Why the domain says no.

    Refusal            a command or an intent that the rules do not allow; nothing was written
    ├── NotAllowed     this actor may not do it (role, level, conflict of interest)
    ├── TooLate        somebody was first, or a time has passed; says who and when as far as the actor may know
    └── Invalid        the request itself is wrong: an unknown name, a cutoff in a gap

Every refusal has a `code` (stable, free of personal data), a `message` (place and cause) and a `remedy`.
"""

from __future__ import annotations


class Refusal(Exception):
    def __init__(self, code: str, message: str, remedy: str = "") -> None:
        super().__init__(code)
        self.code = code
        self.message = message
        self.remedy = remedy


class NotAllowed(Refusal):
    """The actor may not do this."""


class TooLate(Refusal):
    """It has been decided, done or ended already, or its time has passed."""


class Invalid(Refusal):
    """The request cannot be understood or cannot be true."""


class TooOften(Refusal):
    """So much of this is under way that no more is taken; `again_after` so many seconds there may be room."""

    def __init__(self, code: str, message: str, remedy: str, again_after: int) -> None:
        super().__init__(code, message, remedy)
        self.again_after = again_after
