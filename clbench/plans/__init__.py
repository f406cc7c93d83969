"""Many runs as one thing: which there are, what settings they get, who is at which, what is done and what is left.

In: a plan file, or the one request of a command line, which is a plan too. Out: outcomes and failures of runs, each by
`engine.session`. Several processes share a plan by the locks of its runs. A change here may touch which run comes next,
and never what one of them does.
"""
