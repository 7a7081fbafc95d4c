"""Reads settings.ini; nothing else is decided here."""
from configparser import ConfigParser
from pathlib import Path

from setuptools import find_packages, setup

here = Path(__file__).parent
parser = ConfigParser(interpolation=None, delimiters=['='])
parser.read(here/'settings.ini', encoding='utf-8')
cfg = parser['DEFAULT']
NAMES = ('app', 'train', 'many', 'clean', 'course', 'notebooks', 'docs', 'dev')
extras = {name: cfg[f'{name}_requirements'].split() for name in NAMES}
extras['course'] += extras['train'] + extras['clean']
extras['dev'] += extras['app'] + extras['many'] + extras['course'] + extras['notebooks']

setup(
    version=cfg['version'],
    description=cfg['description'],
    author=cfg['author'],
    license=cfg['license'],
    project_urls={'Source': cfg['repository']} if cfg['repository'] else {},
    keywords=cfg['keywords'].split(),
    classifiers=[line for line in cfg['classifiers'].split('\n') if line],
    long_description=(here/'README.md').read_text(encoding='utf-8'),
    long_description_content_type='text/markdown',
    packages=find_packages(include=['cat_or_dog', 'cat_or_dog.*']),
    include_package_data=False,   # what package_data names, and no more
    package_data={'cat_or_dog': ['py.typed', 'static/*', 'browser/*', 'teaching/*', 'live/*', 'weights/*',
                                 'language/*']},
    install_requires=cfg['requirements'].split(),
    extras_require=extras,
    entry_points={'console_scripts': cfg['console_scripts'].split()})
