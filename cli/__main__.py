"""`bin/mensageria`."""

import os
import signal

if __name__ == "__main__":
    # Ctrl-C while the rest is imported, which takes a moment: there is nothing to undo and nothing to tell.
    signal.signal(signal.SIGINT, lambda *_: os._exit(130))
    from cli.app import app
    from cli.output import write_anywhere

    write_anywhere()
    signal.signal(signal.SIGINT, signal.default_int_handler)
    app(prog_name="mensageria")
