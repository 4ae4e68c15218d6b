"""Why: the terms of an accord, one run told in order, and which terms own how much of the excess."""
