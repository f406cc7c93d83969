"""A model's answers: greedy texts, likelihoods of choices, mean losses.

In: a model and prompts. Out: predictions, always text, and nothing else: scores are made in `scoring`, from files. An
engine may change speed and never an answer.
"""
