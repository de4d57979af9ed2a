"""The command line: `waystation up`, `waystation upload people.csv --wait`, `waystation undo ID` …

Commands are thin: those on tasks talk to a server through `waystation.client`; those that serve start the rooms below. What
they need is imported when they run, so that `waystation --help` is quick.
"""

from __future__ import annotations

import click

from waystation import __version__
from waystation.cli import data, serving, tasks
from waystation.cli.session import Session, remote_options
from waystation.errors import WaystationError

INTERRUPTED = 130  # what a shell makes of Ctrl-C


class Root(click.Group):
    """The group that turns every error of ours into its sentence, its remedy and its exit code."""

    def invoke(self, ctx: click.Context) -> object:
        try:
            return super().invoke(ctx)
        except WaystationError as error:
            session: Session = ctx.obj
            session.tell(error)
            ctx.exit(error.exit_code)
        except KeyboardInterrupt:
            ctx.exit(INTERRUPTED)

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(self.commands)  # as they were added: what belongs together stands together


@click.group(cls=Root, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@remote_options
@click.version_option(__version__, prog_name="waystation")
@click.pass_context
def cli(ctx: click.Context, url: str | None, actor: str | None, as_json: bool) -> None:
    """Long-running jobs that can be paused, resumed, stopped and undone.

    \b
    Try it:
      waystation up                            serve, with all that is needed started privately
      waystation generate --out people.csv     a CSV to play with
      waystation upload people.csv --wait      import it
      waystation tasks                         see what there is
      waystation undo TASK_ID                  take the import back

    Every command takes --json for programs. The exit code is 0 when all went well, 2 for a wrong request, 3 for what is not
    there, 4 for a verb that can't be applied now, 6 when no server answers, 7 when the task failed; docs/errors.md lists them.
    """
    ctx.obj = Session()
    ctx.obj.take(url=url, actor=actor, as_json=as_json)


for _command in (*serving.COMMANDS, *data.COMMANDS, *tasks.COMMANDS):
    cli.add_command(_command)


def main() -> None:
    """The entry point of the `waystation` program; exits."""
    cli(prog_name="waystation")
