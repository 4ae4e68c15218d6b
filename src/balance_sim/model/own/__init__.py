"""Rules of the user's own: terms of willingness and kinds of event, registered by name.
See docs/extending.md."""
