"""``python -m refcompress`` is ``refcompress``."""

import sys

from refcompress.cli import main

if __name__ == "__main__":
    sys.exit(main())
