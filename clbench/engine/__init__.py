"""One `clbench run`: words to resolved runs (`session`), and a run from its first step to its record (`runner`).

In: a `Request`. Out: a finished run folder and a row on a board. The rooms below do the work; what stands here is the
order in which they are called, what is saved when, and what is said. What changes a result belongs below.
"""
