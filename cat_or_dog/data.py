from pathlib import Path
def photo_files(p): return sorted(Path(p).glob('*/*.jpg'))
def readable(f): return f
def dataloaders(*a,**k): pass
