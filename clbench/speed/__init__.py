"""How fast training, methods and answering are on this machine, each beside what a user would take instead.

In: nothing but the machine; models have random weights, texts random tokens, lengths are those of TRACE's records.
Out: `Figure`s for `clbench bench`. Both sides of a ratio are measured in turn in one process. No model that anybody
keeps is trained here, and no result comes from here; what was not measured is said to be unmeasured.
"""
