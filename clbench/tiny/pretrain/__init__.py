"""Pre-training of the bundled model `clbench/tiny`, from nothing to its model card.

    python -m clbench.tiny.pretrain tokenizer --out clbench/tiny
    python -m clbench.tiny.pretrain model --work WORK --out clbench/tiny

Both are deterministic: the same command gives the same tokenizer byte for byte, and on one CPU the same weights bit for
bit, whether or not the run was interrupted. See `plan.py` for every setting and its default.
"""
