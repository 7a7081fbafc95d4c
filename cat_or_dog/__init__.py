"From photos to a trustworthy little image model: `from cat_or_dog import Classifier, train, search_images`."
import os
import sys
from importlib import import_module
from types import ModuleType
from typing import TYPE_CHECKING, Any

os.environ.setdefault('ORT_DISABLE_TELEMETRY', '1')   # else ONNX Runtime keeps a device id and reports it

__version__ = "0.2.0"
__all__ = ['Classifier', 'download_photos', 'search_images', 'train']

if TYPE_CHECKING:
    from .download import download_photos
    from .predict import Classifier
    from .search import search_images
    from .train import train

_MODULE_OF = {'Classifier': 'predict', 'train': 'train',
              'search_images': 'search', 'download_photos': 'download'}


class _CallableModule(ModuleType):
    "A module that can be called like the function of the same name in it."
    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        return getattr(self, self.__name__.rpartition('.')[2])(*args, **kwargs)


class _Package(ModuleType):
    "`train` is a module and a function: where Python binds the module to its name here, it becomes callable."
    def __setattr__(self, name: str, value: Any) -> None:
        if name == 'train' and isinstance(value, ModuleType):
            value.__class__ = _CallableModule
        super().__setattr__(name, value)


sys.modules[__name__].__class__ = _Package


def __getattr__(name: str) -> Any:   # asked only for what is not here yet: nothing heavy is loaded before
    if name not in _MODULE_OF:
        raise AttributeError(f'module {__name__!r} has no attribute {name!r}')
    module = import_module(f'{__name__}.{_MODULE_OF[name]}')
    return module if name == 'train' else getattr(module, name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
