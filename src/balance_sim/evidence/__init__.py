"""Data of the field in; fitted parameters and scored forecasts out."""
