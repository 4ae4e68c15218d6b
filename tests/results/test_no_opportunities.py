"""Filtered numbers against numbers worked out by hand, on the five states of `balance-sim new`.

All weights of willingness are zero unless a test says otherwise, so that every state consents to everything with one
probability, sigma(intercept), which nothing in a run can change."""

from __future__ import annotations
