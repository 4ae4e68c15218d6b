"""What an event adds: estimated, compared with placebos, explained."""
