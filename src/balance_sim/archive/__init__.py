"""A study as one file: verified, packed, and made again."""
