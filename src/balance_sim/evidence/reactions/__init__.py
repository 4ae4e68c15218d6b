"""How strongly states reacted to force: hostility as the probability of an attack, and
elasticities of alliances, agreements, exercises and effort in alarm."""
