"""What several commands say and ask alike: options, tables, the screen, what a word on the command line means.

In: what a command was given or has found. Out: text, JSON or a resolved subject. No command is named here.
"""
