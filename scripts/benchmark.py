"""FPS per model and of the whole pipeline: the same code as `smiledet bench`, and the same arguments."""

import sys

from smiledet.cli import main

if __name__ == "__main__":
    sys.exit(main(["bench", *sys.argv[1:]]))
