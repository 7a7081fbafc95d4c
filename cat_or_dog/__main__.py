"`python -m cat_or_dog` is the command `cat-or-dog`."
import sys

if __name__ == '__main__':
    try:
        from .engine.cli import main
        code = main()
    except KeyboardInterrupt:   # before anything was begun
        code = 130
    sys.exit(code)
