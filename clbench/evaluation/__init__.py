"""A model's answers: greedy texts, likelihoods of choices, mean losses.

In: a model and prompts. Out: predictions, always text, and nothing else: scores are made in `scoring`, from files. What
answers can be worth is told before a model is asked: how records look to it, what it can score at most, which of them
it was trained on. An engine may change speed and never an answer.
"""
