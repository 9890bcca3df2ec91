"""A Kafka of a test's own, with TLS, users and rights: SASL_SSL, SCRAM-SHA-512, KRaft's authorizer."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO

import trustme
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)

from pipeline.core.settings.kafka import KafkaSettings
from stack.java import java
from stack.ports import HOST
from tests.support.waiting import until

USERS = ("admin", "gateway", "service-b", "service-c", "operator", "stranger")
_CLUSTER = "MkU3OEVBNTcwNTJENDM2Qg"
_PROPERTIES = """\
process.roles=broker,controller
node.id=1
controller.quorum.voters=1@{host}:{controller_port}
controller.listener.names=CONTROLLER
listeners=SASL_SSL://{host}:{port},CONTROLLER://{host}:{controller_port}
listener.security.protocol.map=SASL_SSL:SASL_SSL,CONTROLLER:PLAINTEXT
inter.broker.listener.name=SASL_SSL
sasl.enabled.mechanisms=SCRAM-SHA-512
sasl.mechanism.inter.broker.protocol=SCRAM-SHA-512
listener.name.sasl_ssl.scram-sha-512.sasl.jaas.config=org.apache.kafka.common.security.scram.ScramLoginModule \
required username="admin" password="{admin_password}";
ssl.keystore.type=PEM
ssl.keystore.location={folder}/server.pem
ssl.truststore.type=PEM
ssl.truststore.location={folder}/ca.pem
authorizer.class.name=org.apache.kafka.metadata.authorizer.StandardAuthorizer
super.users=User:admin;User:ANONYMOUS
log.dirs={folder}/data
auto.create.topics.enable=false
offsets.topic.replication.factor=1
offsets.topic.num.partitions=1
group.initial.rebalance.delay.ms=0
"""
"""The controller's listener is for the one process alone: ANONYMOUS is who it is to itself there."""


@dataclass(frozen=True)
class SecuredKafka:
    """A broker that runs."""

    port: int
    ca_file: Path

    def settings(self, user: str, password: str | None = None) -> KafkaSettings:
        """What `user` connects with."""
        return KafkaSettings(
            bootstrap_servers=f"{HOST}:{self.port}",
            security_protocol="SASL_SSL",
            username=user,
            password=password or password_of(user),
            ca_file=str(self.ca_file),
        )

    def variables(self, user: str, password: str | None = None) -> dict[str, str]:
        """The same for a process, without the prefix."""
        told = self.settings(user, password)
        names = ("bootstrap_servers", "security_protocol", "username", "password", "ca_file")
        return {f"KAFKA_{name.upper()}": getattr(told, name) for name in names}


def password_of(user: str) -> str:
    """Made up, and known to the broker."""
    return f"password-of-{user}"


@asynccontextmanager
async def secured_kafka(folder: Path, port: int, controller_port: int) -> AsyncIterator[SecuredKafka]:
    """A broker with USERS, killed at the end; its log is in `folder`."""
    _certify(folder)
    properties = folder / "server.properties"
    properties.write_text(
        _PROPERTIES.format(
            host=HOST, port=port, controller_port=controller_port, folder=folder, admin_password=password_of("admin")
        )
    )
    users = [f"SCRAM-SHA-512=[name={user},password={password_of(user)}]" for user in USERS]
    added = [part for user in users for part in ("--add-scram", user)]
    with (folder / "kafka.log").open("ab") as log:
        own = ("--cluster-id", _CLUSTER, "--config", str(properties))
        format_ = await _start(log, "kafka.tools.StorageTool", "format", *own, *added)
        assert await format_.wait() == 0, log.name
        process = await _start(log, "kafka.Kafka", str(properties))
    try:
        await until(lambda: _listens(port), within_s=60)
        yield SecuredKafka(port, folder / "ca.pem")
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()


def _certify(folder: Path) -> None:
    ca = trustme.CA()
    ca.cert_pem.write_to_path(folder / "ca.pem")
    issued = ca.issue_cert(HOST)
    key = load_pem_private_key(issued.private_key_pem.bytes(), None)
    parts = [key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())]  # the form that Java reads
    parts += [each.bytes() for each in issued.cert_chain_pems]
    (folder / "server.pem").write_bytes(b"".join(parts))


async def _start(log: IO[bytes], main_class: str, *arguments: str) -> asyncio.subprocess.Process:
    command = (*java("kafka", main_class, "-Xmx256m", "-Dorg.slf4j.simpleLogger.defaultLogLevel=warn"), *arguments)
    return await asyncio.create_subprocess_exec(*command, stdout=log, stderr=log)


async def _listens(port: int) -> bool:
    try:
        _, writer = await asyncio.open_connection(HOST, port)
    except OSError:
        return False
    writer.close()
    return True
