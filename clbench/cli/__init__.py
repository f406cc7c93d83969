"""The command line. One module a command; each imports what it needs when it is called, so that help is immediate.

In: words of a user. Out: tables, one JSON document or a line that says what is wrong. A change here may touch what is
said and never what is computed: a command calls one function of a room below and shows what it gives.

Exit codes: 0 done; 1 the run failed; 2 the input is wrong; 3 not verified; 4 something is lost; 130 interrupted.
"""

from __future__ import annotations

import os
import sys
from typing import Any, cast

import typer
from typer.core import TyperGroup

from clbench.base.encoding import degrade_output
from clbench.base.errors import ClbenchError
from clbench.base.quiet import quiet
from clbench.base.text import terminal
from clbench.cli.shared.commands import Commands, commands_of

MODULES = {
    **{
        name: f"clbench.cli.{name}"
        for name in (
            "run",
            "tune",
            "plan",
            "watch",
            "ls",
            "show",
            "metrics",
            "score",
            "leaderboard",
            "compare",
            "forget",
            "export",
            "report",
            "plot",
            "reported",
            "data",
            "stream",
            "model",
            "validate",
            "check",
            "new",
            "submit",
        )
    },
    "verify-submission": "clbench.cli.submit",
    "bench": "clbench.cli.machine.bench",
    "doctor": "clbench.cli.machine.doctor",
    "plugins": "clbench.cli.plugins",
}
"""By command."""

# Some versions of typer bring their own click, so its exceptions are found through typer's.
_UsageError: Any = typer.BadParameter.__mro__[2]


class _Group(TyperGroup):
    """clbench's own commands, each when it is named; those of plugins when help or an unknown name asks for them."""

    def __init__(self, **how: Any) -> None:
        super().__init__(**how)
        self.commands = Commands(MODULES)

    def list_commands(self, ctx: Any) -> list[str]:
        return [*self.commands, *sorted(self._from_plugins())]

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        return super().get_command(ctx, cmd_name) or self._from_plugins().get(cmd_name)

    def _from_plugins(self) -> dict[str, Any]:
        if not hasattr(self, "_extra"):
            from clbench.plugins.manager import load_plugins

            found = commands_of(lambda app: load_plugins().emit("clbench_commands", app=app))
            self._extra = {name: command for name, command in found.items() if name not in self.commands}
        return self._extra


app = typer.Typer(
    name="clbench",
    cls=_Group,
    help="Which fine-tuning method makes a language model forget least? Train on a stream of tasks, score after each.",
    no_args_is_help=True,
    add_completion=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _version(value: bool) -> None:
    if value:
        from clbench import __version__

        typer.echo(f"clbench {__version__}")
        raise typer.Exit


@app.callback()
def _options(
    version: bool = typer.Option(False, "--version", callback=_version, is_eager=True, help="Print the version."),
    debug: bool = typer.Option(False, "--debug", help="Show tracebacks."),
) -> None:
    pass


def main() -> None:
    """Run the program and exit."""
    degrade_output()
    quiet()
    arguments = [argument for argument in sys.argv[1:] if argument != "--debug"]
    debug = len(arguments) < len(sys.argv) - 1
    try:
        code = app(args=arguments, prog_name="clbench", standalone_mode=False)
        if code == 130:  # typer has caught the interrupt
            raise KeyboardInterrupt
    except BrokenPipeError:  # the reader of a pipe has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        code = 0
    except BaseException as error:
        if debug:
            raise
        code = _report(error)
    sys.exit(code if isinstance(code, int) else 0)


def _report(error: BaseException) -> int:
    """One line on standard error, and the exit code."""
    if isinstance(error, ClbenchError):
        return _say(str(error), error.exit_code)
    if isinstance(error, typer.Exit):
        return error.exit_code
    if isinstance(error, _UsageError):
        return _say(cast("Any", error).format_message(), 2)
    if isinstance(error, KeyboardInterrupt | typer.Abort):
        return _say(f"interrupted{': ' if str(error) else ''}{error}", 130)
    if isinstance(error, SystemExit):
        return _say(error.code, 1) if isinstance(error.code, str) else error.code or 0
    return _say(f"{type(error).__name__}: {error} (a bug, or a limit of this machine; --debug shows where)", 1)


def _say(message: str, code: int) -> int:
    """The message as one line; the help, which is said when there are no arguments at all, as it is."""
    line = message if message.startswith("Usage:") else f"error: {terminal(message)}"
    sys.stderr.write(f"{line}\n")
    return code
