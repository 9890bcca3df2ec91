"""`python -m pipeline.ready PORT`: whether the service of this container is ready; exit code 0 or 1.

Only the standard library is imported: it is asked every few seconds.
"""

import sys
import urllib.error
import urllib.request

_TIMEOUT_S = 2
_open = urllib.request.build_opener(urllib.request.ProxyHandler({})).open


def is_ready(port: int) -> bool:
    """Whether /readyz on this machine's `port` answers with a status below 300."""
    try:
        with _open(f"http://127.0.0.1:{port}/readyz", timeout=_TIMEOUT_S):
            return True
    except (urllib.error.URLError, TimeoutError):
        return False


if __name__ == "__main__":
    sys.exit(not is_ready(int(sys.argv[1])))
