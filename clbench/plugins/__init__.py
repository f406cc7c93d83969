"""Finding packages by entry points, loading them one by one, and looking up what they bring by name.

In: installed packages. Out: the `Registry` of methods, streams, scorers, summaries, observers. A broken package is a
row that says why, never a crash. `hookspecs` is public: hooks are added, not changed.
"""
