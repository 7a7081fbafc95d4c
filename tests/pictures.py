"""Pictures for tests: as the bytes of a file, drawings in folders of their labels, and in tar files."""
import io
import tarfile

from cat_or_dog.engine.drawings import draw


def saved(image, format='jpeg', **options):
    "A picture as the bytes of a file."
    file = io.BytesIO()
    image.save(file, format, **options)
    return file.getvalue()


def save_drawings(folder, numbers, labels=('cat', 'dog'), name='{}.jpg', **options):
    "Drawings of these numbers in a folder for each label; `options` are those of `draw`. All their files."
    for label in labels:
        (folder/label).mkdir(parents=True)
        for number in numbers:
            draw(label, number, **options).save(folder/label/name.format(number))
    return sorted(file for label in labels for file in (folder/label).iterdir())


def tar_file(place, members):
    "A tar file with members: name -> bytes, or a `TarInfo` without bytes."
    made = io.BytesIO()
    with tarfile.open(fileobj=made, mode='w') as tar:
        for name, data in members.items():
            member = data if isinstance(data, tarfile.TarInfo) else tarfile.TarInfo(name)
            if isinstance(data, bytes):
                member.size = len(data)
            tar.addfile(member, io.BytesIO(data) if isinstance(data, bytes) else None)
    place.write_bytes(made.getvalue())
    return str(place)
