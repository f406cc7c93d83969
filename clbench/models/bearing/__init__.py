"""What a model bears: later tokens, padding, texts in one row, long ones; tried on it or read from it, by no list.

In: a loaded model. Out: `Padding` (how it is asked and trained), what packs texts for it, how many tokens it takes.
"""
