"""Research code that looks for its GPU too early."""

import sys

sys.exit("needs CUDA")
