"""What every other room stands on: errors for people, hashes, folders, safe writes, progress, seeds.

In: nothing of clbench. Out: small functions without a word of models, tasks or records. A change here may touch
everything, so it keeps each function's meaning to the bit: hashes and seeds are part of published numbers.
"""
