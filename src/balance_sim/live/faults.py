"""What the live page refuses, in words for a person."""

from __future__ import annotations


class BadRequest(Exception):
    """A request that asks for something that cannot be; the text says what, and what can."""


class Superseded(Exception):
    """A newer request has taken over."""


class PartFailed(Exception):
    """Runs that could not be lived; the text says which, and why."""


class TooLarge(Exception):
    """A request's body is larger than any that the page sends."""
