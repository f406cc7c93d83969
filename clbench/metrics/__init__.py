"""R and every number made of it: the matrix, its named functions, standard errors, intervals.

In: scores. Out: numbers; pure functions, no torch, no files but a matrix's own. A definition once published keeps its
name and its value; another definition gets another name.
"""

from clbench.base.calling import make_callable

make_callable(__name__, "clbench.api.numbers:metrics")
