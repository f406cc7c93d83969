"""Archives of other suites: which layouts there are, where one is on this machine, and its records as examples.

In: a folder or a zip that a user got from its authors. Out: a register of its files with their hashes, counts, the
traps that are in it, and `Example`s in its own words: instructions and options are read from the archive, and none of
its text is in this project. `trace` is TRACE's; `suites` lists those that are added as `cl-benchmark`, a module each.
"""
