"""Commands about this machine: what of it can be used (`doctor`), and how fast it is (`bench`)."""
