"""The one kind of error the laboratory raises, and its two refinements."""


class LabError(RuntimeError):
    """Something the laboratory cannot do, with what to do about it in `hint`."""

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(f"{message}\n{hint}" if hint else message)
        self.message = message
        self.hint = hint


class NotUp(LabError):
    """A laboratory is needed and none is running in this home."""


class SessionRefused(LabError):
    """The network did not let a subscriber in."""
