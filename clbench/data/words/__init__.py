"""Word lists that `mini` and the bundled model's world share, so that the model knows the words of its streams.

In: nothing. Out: tuples of words, phrases and their forms. The weights of `clbench/tiny` were trained on text made of
these lists, so none of them ever changes, in content or in order; `tests/data/test_words.py` holds their hashes. A form
of `mini` that wants other words keeps a list of its own beside its maker; a world that wants other words is another
version with other weights (`clbench.tiny.world.VERSION`).
"""
