"""Games: what each side should do, given what it wants, when every side's acts change what states do."""
