"""Records to tables: leaderboards, comparison, consistency, verification, scoring again.

In: record files and predictions. Out: markdown and numbers; a pure function of the records, so that anybody can make
a board again. No model is loaded here. A change may touch how a table reads; which runs share one, and what it is
called, is part of published results.
"""
