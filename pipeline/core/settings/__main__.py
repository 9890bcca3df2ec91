"""`python -m pipeline.core.settings`: docs/settings.md on the standard output."""

import sys

from pipeline.core.settings.docs import markdown

sys.stdout.write(markdown())
