"""Forecasts and their scores: rolling origins, baselines, skill."""
