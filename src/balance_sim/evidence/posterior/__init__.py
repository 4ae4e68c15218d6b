"""The posterior of a scenario's parameters: what data say of them, and joint draws.
docs/posterior.md."""
