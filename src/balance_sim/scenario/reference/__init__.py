"""What every key of a file means: `descriptions.yaml`, the JSON Schemas that carry it,
and the reference page."""
