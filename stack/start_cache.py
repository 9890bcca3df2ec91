"""`python -m stack.start_cache`: start Kafka once, and keep what its JVM made of the classes.

Later starts load that in place of the jars: a third less CPU (decision 32). A JVM that can't use
what is kept, as the jars or its options have changed, says so in its log and starts without.
"""

import asyncio
import signal
import sys
import tempfile
from pathlib import Path

from pipeline.core.settings.stack import StackSettings
from stack import java, kafka, ports, process
from stack.console import complain
from stack.errors import StackError
from stack.home import JARS, ROOT, Home
from stack.part import Part

_WRITE_S = 120.0
"""How long a JVM may take to write what it has recorded, at its end."""
_INTERRUPTED = 130


async def _keep_start(folder: Path) -> None:
    """Raises StackError, OSError or TimeoutError."""
    settings = StackSettings(home=folder, ports="free")
    home, chosen = Home(folder), ports.choose(settings)
    await _keep(home, kafka.part(home, chosen, settings.kafka))


async def _keep(home: Home, part: Part) -> None:
    """Start the part, and have it end and write; its jars are in the folder of its name."""
    new = home.path / f"{part.name}.aot"
    await part.prepare()
    running = await process.spawn(java.recording(part.command, new), part.environment, home.log(part.name), ROOT)
    try:
        async with asyncio.timeout(part.deadline_s):
            await process.until(part.probe)
            await part.lay_out()
        await process.stop(running, part.stop_signal, _WRITE_S)
    finally:
        process.kill_group(running.pid)
        await running.wait()
    new.replace(java.kept_start(part.name))


def main() -> int:
    """The exit code: 0 also where nothing could be kept, as all works without."""
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.default_int_handler)
    with tempfile.TemporaryDirectory(prefix="start-", dir=JARS) as folder:
        try:
            asyncio.run(_keep_start(Path(folder)))
        except (StackError, OSError) as error:  # a TimeoutError is an OSError
            complain(f"Kafka's start could not be kept, so it will take longer: {error!r}")
        except KeyboardInterrupt:
            sys.exit(_INTERRUPTED)
    return 0


if __name__ == "__main__":
    sys.exit(main())
