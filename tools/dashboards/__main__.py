"""The command: every dashboard into a folder."""

import sys
from pathlib import Path

from tools.dashboards.writing import write

if __name__ == "__main__":
    write(Path(sys.argv[1]))
