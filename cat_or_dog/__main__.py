"`python -m cat_or_dog` is the command `cat-or-dog`."
import sys

if __name__ == '__main__':
    try:
        from .engine.cli import script
        script()
    except KeyboardInterrupt:   # before anything was begun
        sys.exit(130)
