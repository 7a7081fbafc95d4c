"""Pictures for tests: as the bytes of a file, and drawings in folders of their labels."""
import io

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
