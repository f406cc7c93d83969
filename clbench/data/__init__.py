"""Where records come from, and how they become batches of tokens."""
