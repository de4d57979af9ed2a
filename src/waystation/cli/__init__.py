"""The command line: `waystation up`, `waystation upload people.csv --wait`, `waystation undo ID` …

Commands are thin: those on tasks talk to a server through `waystation.client`; those that serve start the rooms below. What
they need is imported when they run, so that `waystation --help` is quick.
"""

from __future__ import annotations

import inspect

import click

from waystation import __version__
from waystation.cli import auditing, completing, data, hooks, scheduling, serving, tasks, tokens
from waystation.cli.examples import show_examples
from waystation.cli.session import Session, remote_options
from waystation.errors import WaystationError

EXIT_CODES = {
    0: "all went well",
    1: "something inside went wrong, or the question was answered with no",
    2: "the request or the command line is not valid",
    3: "what was asked for is not there",
    4: "it can't be done now, as things stand",
    5: "it is not allowed",
    6: "no server answers, or a part of it is away: try again",
    7: "the task failed, or did not end as was waited for",
    8: "a setting or the installation is wrong",
    130: "interrupted by Ctrl-C",
}
INTERRUPTED = 130  # what a shell makes of Ctrl-C
SECTIONS: dict[str, list[click.Command]] = {
    "Serve": serving.COMMANDS,
    "Data": data.COMMANDS,
    "Tasks": tasks.COMMANDS,
    "Again and again": scheduling.COMMANDS,
    "Who is told": hooks.COMMANDS,
    "Who may, and who did": [*tokens.COMMANDS, *auditing.COMMANDS],
    "The shell": completing.COMMANDS,
}
ELSEWHERE = {  # what other programs call it
    "import": "upload",
    "export": "download",
    "list": "tasks",
    "ls": "tasks",
    "ps": "tasks",
    "status": "show",
    "logs": "events",
    "cancel": "stop",
    "abort": "stop",
    "kill": "terminate",
    "start": "submit",
    "run": "submit",
    "serve": "up",
    "cron": "schedule",
}


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

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """In sections, each with its whole first sentence."""
        for section, commands in SECTIONS.items():
            with formatter.section(section):
                formatter.write_dl([(c.name or "", c.get_short_help_str(limit=1000)) for c in commands])

    def resolve_command(self, ctx: click.Context, args: list[str]) -> tuple[str | None, click.Command | None, list[str]]:
        """The command; whoever took its name from another program is told ours."""
        if args and args[0] not in self.commands and (ours := ELSEWHERE.get(args[0])):
            ctx.fail(f"No such command {args[0]!r}. Did you mean {ours!r}?")
        return super().resolve_command(ctx, args)


@click.group(cls=Root, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@remote_options
@click.version_option(__version__, prog_name="waystation")
@click.pass_context
def cli(ctx: click.Context, url: str | None, actor: str | None, profile: str | None, as_json: bool) -> None:
    """Long-running jobs that can be paused, resumed, stopped and undone.

    \b
    Try it:
      waystation up                            serve, with all that is needed started privately
      waystation generate --out people.csv     a CSV to play with
      waystation upload people.csv --wait      import it
      waystation tasks                         see what there is
      waystation undo TASK_ID                  take the import back

    Every command takes --json for programs, and those that lose work ask before they do (--yes: not). WAYSTATION_URL, --url or
    a profile name another server, WAYSTATION_TOKEN_FILE or the profile the token for it.

    \b
    Exit codes:
    {exit_codes}
    """
    ctx.obj = Session()
    ctx.obj.take(url=url, actor=actor, profile=profile, as_json=as_json)


cli.help = inspect.cleandoc(cli.help or "").replace(
    "{exit_codes}", "\n".join(f"  {code:>3}  {said}" for code, said in EXIT_CODES.items())
)
for _command in (command for section in SECTIONS.values() for command in section):
    show_examples(_command)
    cli.add_command(_command)


def main() -> None:
    """The entry point of the `waystation` program; exits."""
    cli(prog_name="waystation")
