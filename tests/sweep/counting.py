"""Counts of calls, for the tests."""

from functools import wraps


def counted(monkeypatch, owner, name):
    """Calls of a function, from now on."""
    calls, original = [], getattr(owner, name)

    @wraps(original)
    def call(*arguments, **named):
        calls.append(name)
        return original(*arguments, **named)

    monkeypatch.setattr(owner, name, call)
    return calls
