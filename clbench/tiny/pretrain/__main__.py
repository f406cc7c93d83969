"""`python -m clbench.tiny.pretrain tokenizer|model …`: see the package's docstring."""

from __future__ import annotations

import argparse
import dataclasses
import sys
from pathlib import Path

from clbench.base.errors import ClbenchError
from clbench.tiny.pretrain.plan import Plan


def parser() -> argparse.ArgumentParser:
    """The command line; every setting of the plan is an option of `model`."""
    top = argparse.ArgumentParser(prog="python -m clbench.tiny.pretrain", description="Pre-train the bundled model.")
    parts = top.add_subparsers(dest="part", required=True)
    one = parts.add_parser("tokenizer", help="train the tokenizer")
    one.add_argument("--out", type=Path, required=True, help="folder of the model")
    two = parts.add_parser("model", help="train the model; continues what --work holds")
    two.add_argument("--out", type=Path, required=True, help="folder of the model; its tokenizer must be there")
    two.add_argument("--work", type=Path, required=True, help="folder of states and log")
    two.add_argument("--until", type=int, help="stop, resumable, after this many steps")
    two.add_argument("--save-every", type=int, default=250, help="steps between two saved states")
    two.add_argument("--quiz-every", type=int, default=500, help="steps between two looks at what it knows")
    for field in dataclasses.fields(Plan):
        flag = f"--{field.name.replace('_', '-')}"
        if isinstance(field.default, bool):
            two.add_argument(flag, action="store_true")
        else:
            two.add_argument(flag, type=type(field.default), default=field.default, help=f"default {field.default}")
    return top


def main(arguments: list[str] | None = None) -> int:
    """Run one part; returns the exit code."""
    said = parser().parse_args(arguments)
    if said.part == "tokenizer":
        from clbench.tiny.pretrain.vocabulary import write_tokenizer

        write_tokenizer(said.out)
        return 0
    from clbench.tiny.pretrain.ship import train_and_ship

    try:
        plan = Plan(**{field.name: getattr(said, field.name) for field in dataclasses.fields(Plan)})
        train_and_ship(
            plan, work=said.work, out=said.out, until=said.until, save_every=said.save_every, quiz_every=said.quiz_every
        )
    except (ValueError, ClbenchError) as error:
        print(f"error: {error}", file=sys.stderr)  # noqa: T201 - this is a command
        return getattr(error, "exit_code", 2)
    return 0


if __name__ == "__main__":
    sys.exit(main())
