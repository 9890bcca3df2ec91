"""`python -m pipeline.serving.ready PORT [PATH]`: whether the service of this container is ready; exit code 0 or 1.

With /healthz as PATH: whether it is alive, for who would replace it where it is not.

Only the standard library is imported: it is asked every few seconds.
"""

import sys
import urllib.error
import urllib.request

_TIMEOUT_S = 2
_open = urllib.request.build_opener(urllib.request.ProxyHandler({})).open


def is_ready(port: int, path: str = "/readyz") -> bool:
    """Whether `path` on this machine's `port` answers with a status below 300."""
    try:
        with _open(f"http://127.0.0.1:{port}{path}", timeout=_TIMEOUT_S):
            return True
    except (urllib.error.URLError, TimeoutError):
        return False


if __name__ == "__main__":
    sys.exit(not is_ready(int(sys.argv[1]), *sys.argv[2:3]))
