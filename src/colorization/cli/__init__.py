"""Command lines: one file a subcommand of ``colorization``.

Nothing heavy is imported before a subcommand runs.
"""
