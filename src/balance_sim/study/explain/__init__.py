"""Why: the terms of an accord, one run told in order, and which group of terms owns how much of the excess."""
