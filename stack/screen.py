"""What a person sees when the stack is up: what is where, who may log in, what to try."""

from pathlib import Path

from rich.console import Console
from rich.rule import Rule
from rich.table import Table

from stack.stack import Stack
from stack.state import DEFAULT_STATE


def new_console() -> Console:
    """Return a console; in a pipe there is no width to keep to, so a line stays a line."""
    console = Console(highlight=False)
    return console if console.is_terminal else Console(highlight=False, width=160)


def welcome(console: Console, stack: Stack) -> None:
    """Print it; the passwords are random ones of this machine's own demo accounts."""
    console.print(Rule("[bold green]Sealgate is up", style="green"), width=min(console.width, 100))
    for table in (_places(stack), _accounts(stack), _next_steps(stack)):
        console.print(table)
        console.print()
    console.print("[bold]Ctrl-C[/] stops everything and keeps the data.")


def _places(stack: Stack) -> Table:
    table = _table("what", "where", "docs and logs")
    table.add_row("auth service", stack.auth_url, f"{stack.auth_url}/docs")
    table.add_row("resource service", stack.api_url, f"{stack.api_url}/docs")
    for replica, port in zip(stack.replicas, stack.ports.replicas, strict=True):
        table.add_row(f"  {replica.name}", f"http://127.0.0.1:{port}", _short(replica.log))
    if stack.mailbox_url:
        table.add_row("mailbox", stack.mailbox_url, "what the auth service mails stays here")
    postgres = stack.databases.postgres
    if postgres is not None:
        table.add_row("PostgreSQL", f"127.0.0.1:{postgres.port}", "embedded, two databases")
    table.add_row("state", _short(stack.state.path), "all data, keys and logs")
    return table


def _accounts(stack: Stack) -> Table:
    demo = stack.demo
    table = _table("demo account", "name", "password or secret")
    table.add_row("user", demo["DEMO_USERNAME"], demo["DEMO_PASSWORD"])
    table.add_row("confidential client", demo["DEMO_CLIENT_ID"], demo["DEMO_CLIENT_SECRET"])
    table.add_row("public client", demo["DEMO_PUBLIC_CLIENT_ID"], "[dim]none: it is public[/]")
    return table


def _next_steps(stack: Stack) -> Table:
    table = _table("try", "and see")
    scripts = "scripts"
    if stack.state.path != DEFAULT_STATE:
        scripts = f"DEMO_ENV={stack.state.path / 'demo.env'} {scripts}"
    table.add_row(f"{stack.api_url}/docs", "press Authorize, log in as the demo user, try /notes")
    table.add_row(
        f"{scripts}/call-through-load-balancer.sh", "one token, two replicas, ten times 200"
    )
    table.add_row(f"{scripts}/tamper.sh", "one character of a token changed: 401")
    admin = scripts.replace("DEMO_ENV", "ADMIN_ENV").replace("demo.env", "auth.env")
    table.add_row(f"{admin}/admin users list", "the admin commands, on this stack")
    table.add_row("make demo", "sessions against tokens, in about a minute")
    table.add_row("make live", "the same on a page: fire, kill, freeze, revoke")
    return table


def _short(path: Path) -> str:
    """Leave out the folder that the person is in."""
    here = Path.cwd()
    return str(path.relative_to(here) if path.is_relative_to(here) else path)


def _table(*columns: str) -> Table:
    table = Table(box=None, pad_edge=False, padding=(0, 3, 0, 0), header_style="bold cyan")
    for column in columns:
        # Addresses and secrets are there to be copied: never cut or wrapped with dots.
        table.add_column(column, overflow="fold")
    return table
