"""`python -m clbench`: the same program as the `clbench` script, for when another package owns that name."""

from clbench.cli import main

if __name__ == "__main__":
    main()
