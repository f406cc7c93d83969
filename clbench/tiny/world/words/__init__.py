"""The lexicons of the skills, as pre-training saw them.

Most words are shared with `clbench.data.mini`, so that its words are known words to the model. They stand here once
more because these may never change, while `mini` may be revised: the weights are trained once, and the text that they
were trained on must stay what it was.
"""
