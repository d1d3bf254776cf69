"""Declare every setting once, with its type, default, limits and help, and compose them from conf/.

fields.py says how a setting is declared, parts.py and commands.py declare them; the rest reads,
checks and compares them.
"""
