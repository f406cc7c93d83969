"""The suite as a library: `clbench.run` and what reads, compares and draws its results, for scripts and notebooks.

In: a caller's Python objects: names, classes, models, data sets, matrices. Out: objects that show themselves. The rooms
below do the work, as they do for the command line; here objects get the names that those rooms know, and the process is
left as it was found. A change here may touch how things are asked for and shown, and never a number. What is public of
it is listed in `clbench/__init__.py`.
"""
