"""Hook implementations only; what they name is imported when it is chosen."""

from pathlib import Path

from clbench import MethodSpec, ScorerSpec, SummarySpec, hookimpl

HERE = Path(__file__).parent


@hookimpl
def clbench_methods():
    yield MethodSpec(
        name="example",
        target="clbench_example.method:Example",
        summary="fine-tuning with a penalty on nothing",
        capabilities=frozenset({"adds_loss"}),
    )
    yield MethodSpec(
        name="example-optimizer",
        target="clbench_example.method:ExampleOptimizer",
        summary="brings an optimizer",
        capabilities=frozenset({"owns_optimizer"}),
    )


@hookimpl
def clbench_metrics():
    yield ScorerSpec("example_first_word", "clbench_example.scoring:first_word", "the first words agree")


@hookimpl
def clbench_summaries():
    yield SummarySpec("worst.example", "clbench_example.scoring:worst", True, "the lowest score at the end")


@hookimpl
def clbench_task_dirs():
    yield HERE / "tasks"


@hookimpl
def clbench_commands(app):
    import typer

    @app.command("example-hello")
    def hello():
        """Say hello."""
        typer.echo("hello from a plugin")
