"""What the images of others do with a command and an environment, with the same programs of this machine."""

import os
import pwd
from pathlib import Path

from pipeline.core.settings import inherited
from stack import dynamodb as table_server
from stack import postgres, process
from stack.home import ROOT, STACK_BIN
from stack.java import java
from stack.ports import HOST
from tests.support.this_machine import ThisMachine

_SETUP_S = 60
_KAFKA_CLUSTER = "5L6g3nShT-eMCtK--X86sw"  # what the image takes where CLUSTER_ID is not set


async def kafka(machine: ThisMachine, environment: dict[str, str], _: list[str]) -> tuple[str, ...]:
    """apache/kafka: its Java wrapper makes the settings and the data folder from the environment; then the broker."""
    heap, folder = environment["KAFKA_HEAP_OPTS"].split(), machine.folder / "kafka"
    options = []
    for kind in ("default", "mounted", "final"):
        (folder / kind).mkdir(parents=True)
        options += [f"--{kind}-configs-dir", str(folder / kind)]
    for name in ("server.properties", "log4j2.yaml", "tools-log4j2.yaml"):
        (folder / "default" / name).touch()
    properties = folder / "final" / "server.properties"
    properties.touch()
    setup = (*java("kafka", "kafka.docker.KafkaDockerWrapper", *heap), "setup", *options)
    await _done("kafka", setup, environment | {"CLUSTER_ID": _KAFKA_CLUSTER}, machine.folder)
    return (*java("kafka", "kafka.Kafka", *heap), str(properties))


async def postgresql(machine: ThisMachine, environment: dict[str, str], command: list[str]) -> tuple[str, ...]:
    """postgres: initdb with the user, the password file and the options of the environment; then the command."""
    data = machine.paths("postgres")["/var/lib/postgresql"]
    if os.geteuid() == 0:
        user = pwd.getpwnam("nobody")
        os.chown(data, user.pw_uid, user.pw_gid)
    password = machine.folder / "secrets" / Path(environment["POSTGRES_PASSWORD_FILE"]).name
    options = (f"--username={environment['POSTGRES_USER']}", f"--pwfile={password}")
    initdb = (str(postgres.binary("initdb")), "-D", str(data), *options, *environment["POSTGRES_INITDB_ARGS"].split())
    await _done("postgres", postgres.unprivileged(*initdb), inherited(), machine.folder)
    program, *arguments = command
    # A socket's path may have a hundred characters: a test's folder is longer.
    here = ("-D", str(data), f"--listen_addresses={HOST}", "--unix_socket_directories=")
    return postgres.unprivileged(str(postgres.binary(program)), *arguments, *here)


async def dynamodb(_: ThisMachine, __: dict[str, str], command: list[str]) -> tuple[str, ...]:
    """Our own image: Node is the one that `make run` has."""
    _program, *arguments = command
    return (str(table_server.node()), *arguments)


async def dbmate(_: ThisMachine, __: dict[str, str], command: list[str]) -> tuple[str, ...]:
    """dbmate: the program itself."""
    program, *arguments = command
    return (str(STACK_BIN / program), *arguments)


async def _done(name: str, command: tuple[str, ...], environment: dict[str, str], folder: Path) -> None:
    log = folder / f"{name}-setup.log"
    assert await process.run(command, environment, log, ROOT, deadline_s=_SETUP_S) == 0, log.read_text()
