"""Games over arms: a plug-in."""
