"""Readers for the field's data sets as their authors publish them, one module per noun.

Every reader returns a `Read`: a tidy frame keyed by COW numbers, and a report of what
was dropped and why. A gap in a source's coverage is missing, never 0."""
