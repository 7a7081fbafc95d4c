"`python -m cat_or_dog` is the command `cat-or-dog`."
import sys

from .engine.cli import main

if __name__ == '__main__':
    sys.exit(main())
