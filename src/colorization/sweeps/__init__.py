"""Many runs of one command: what they are, each of them, and what was found."""
