"""Records and tokens: where records come from, and how they become batches.

In: a task's `data` (generated `mini`, the official archive, files, the Hub, a plugin). Out: `Example`s with a hash of
what was read, token ids, padded batches. Records of `mini` are part of boards: a changed text is a changed board.
"""
