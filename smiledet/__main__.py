"""`python -m smiledet`."""

import sys

from smiledet.cli import main

if __name__ == "__main__":
    sys.exit(main())
