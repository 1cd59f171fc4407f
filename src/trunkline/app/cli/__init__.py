"""The command line. Commands are loaded when they are called, so that `--help` answers at once."""

import importlib

import click

from trunkline.kernel.errors import TrunklineError

COMMANDS = {
    "up": ("trunkline.app.cli.installation:up", "Start Trunkline with everything it needs, and say where to look."),
    "serve": ("trunkline.app.cli.serving:serve", "Serve the API (one process)."),
    "work": ("trunkline.app.cli.serving:work", "Work: events, plans, jobs, audit seals (one process)."),
    "db": ("trunkline.app.cli.database:db", "The database: migrate, prepare, status, a shell."),
    "story": ("trunkline.app.cli.story:story", "Play the product's stories in throw-away installations."),
    "order": ("trunkline.app.cli.order:order", "Orders that are held: list, retry, skip, give up."),
    "usage": ("trunkline.app.cli.usage:usage", "Usage: import files, look at suspense, process it again."),
    "bill": ("trunkline.app.cli.bill:bill", "Bills: run, list, print."),
    "export": ("trunkline.app.cli.transfer:export", "Records of any resource as NDJSON or CSV."),
    "import": ("trunkline.app.cli.transfer:import_", "Take over records from NDJSON or CSV."),
    "catalog": ("trunkline.app.cli.catalog:catalog", "The catalogs as files: write, compare, store."),
    "tenant": ("trunkline.app.cli.tenant:tenant", "Operators that share this installation."),
    "user": ("trunkline.app.cli.security:user", "People who may log in."),
    "key": ("trunkline.app.cli.security:key", "API keys for programs."),
    "demo": ("trunkline.app.cli.demo:demo", "Play customers of the demo operator (one process)."),
    "clock": ("trunkline.app.cli.clock:clock", "The installation's clock; movable in demo and test."),
    "check": ("trunkline.app.cli.check:check", "Check the invariants and reconcile the halves."),
    "events": ("trunkline.app.cli.events:events", "Parked events: list, replay, skip."),
    "hub": ("trunkline.app.cli.hub:hub", "Subscribers of events: their backlog, what is parked, replay."),
    "reference": ("trunkline.app.cli.reference:reference", "References between the halves: what is not known."),
    "backup": ("trunkline.app.cli.backup:backup", "Make a consistent copy, and prove it."),
    "restore": ("trunkline.app.cli.backup:restore", "Restore a copy into an empty installation."),
    "lab": ("trunkline_lab.cli:lab", "The laboratory: a real network on this machine (root)."),
}
"""Command → (where it is, what it does in one line)."""


class Commands(click.Group):
    """A group whose commands are imported by dotted path on demand."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002  # click's signature
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002  # click's signature
        if cmd_name not in COMMANDS:
            return None
        module, _, name = COMMANDS[cmd_name][0].partition(":")
        command: click.Command = getattr(importlib.import_module(module), name)
        return command

    def invoke(self, ctx: click.Context) -> object:
        """Run the command; a refusal is shown as what it says, not as a traceback."""
        try:
            return super().invoke(ctx)
        except TrunklineError as error:
            hint = f"\n{error.hint}" if error.hint else ""
            raise click.ClickException(f"{error}{hint}") from error
        except Exception as error:
            # imported here: what it knows of PostgreSQL takes longer to load than `--help` takes
            said = importlib.import_module("trunkline.app.cli.refusal").outside(error)
            if said is None:
                raise
            raise click.ClickException(said) from error

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002  # click's signature
        with formatter.section("Commands"):
            formatter.write_dl([(name, text) for name, (_, text) in COMMANDS.items()])


@click.command(
    cls=Commands,
    context_settings={"help_option_names": ["-h", "--help"]},
    epilog="Start with `trunkline up`; see a whole operator at work with `trunkline story run S1`.",
)
@click.version_option(package_name="trunkline")
def main() -> None:
    """Trunkline: one product for both halves of a telecom operator.

    Settings come from the environment: TRUNKLINE_HOME (where this installation lives, ./var/trunkline),
    TRUNKLINE_DATABASE_URL (an external PostgreSQL 16 or later instead of the embedded one), TRUNKLINE_HTTP_PORT,
    TRUNKLINE_MODE (demo or production).
    """
