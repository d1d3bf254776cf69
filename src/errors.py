"""What a user can put right: shown as one line, without a traceback."""


class InputError(ValueError):
    """A setting, file or folder is not usable; the message says what, where, and what to do."""


class ToldElsewhereError(InputError):
    """What another process of the same run tells the user."""
