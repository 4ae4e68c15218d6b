"""Why: the terms of an agreement, one run told in order, and through which terms an effect goes."""
