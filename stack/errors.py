"""What stops the stack and what the person at the terminal can do about it."""


class StackError(Exception):
    """The stack cannot start or go on; the text is one line that says what to do."""
