"""Weights from data: the likelihood, its fit, calibration to a scenario's record,
recovery of parameters."""
