"""From fastai to a model file: the same numbers, or a sentence before the export."""
import hashlib
import subprocess
import sys

import numpy as np
import pytest

from cat_or_dog.engine import convert
from cat_or_dog.engine.convert import (
    SAME,
    check_same,
    from_learner,
    from_photo,
    resnet18_at_hand,
    usable_device,
)
from cat_or_dog.engine.drawings import draw
from cat_or_dog.predict import ModelError

torch = pytest.importorskip('torch')
vision = pytest.importorskip('fastai.vision.all')
SIZE = 64


@pytest.fixture(scope='module')
def folder(tmp_path_factory):
    "Ten drawings of each label, of 200 × 150 pixels: a square of them is squished or cropped."
    home = tmp_path_factory.mktemp('fastai')
    for label in ('cat', 'dog'):
        (home/label).mkdir()
        for i in range(10):
            draw(label, i).resize((200, 150)).save(home/label/f'{i}.png')
    return home


def learner(folder, arch='resnet18', blocks=None, item_tfms=None, get_y=vision.parent_label, **how):
    "A learner with random weights, and a head that has opinions."
    options = {name: how.pop(name) for name in ('batch_tfms', 'get_x') if name in how}
    block = vision.DataBlock(
        blocks or (vision.ImageBlock, vision.CategoryBlock), get_items=vision.get_image_files, get_y=get_y,
        splitter=vision.RandomSplitter(0.2, seed=42),
        item_tfms=item_tfms or vision.Resize(SIZE, method='squish'), **options)
    torch.manual_seed(0)
    dls = block.dataloaders(folder, bs=8, num_workers=0)
    learn = vision.vision_learner(dls, arch, pretrained=False, **how)
    with torch.no_grad():
        list(learn.model.parameters())[-1].mul_(3)
    return learn


def by_fastai(learn, files):
    "What the learner itself says: float32 (n, labels)."
    with learn.no_bar(), learn.no_logging():
        return learn.get_preds(dl=learn.dls.test_dl(files, num_workers=0))[0].numpy()


def not_exported(monkeypatch):
    "From here on, an export is a failure: it takes a minute, so a refusal must come before."
    monkeypatch.setattr(convert, 'export_onnx', lambda *args: pytest.fail('it was exported'))


@pytest.mark.parametrize('method', ['squish', 'crop'])
def test_both_ways_to_make_a_square_give_the_same_numbers(folder, method):
    learn = learner(folder, item_tfms=vision.Resize(SIZE, method=method))
    model, files = from_learner(learn), vision.get_image_files(folder)
    ours = model.predict_batch(np.stack([model.square(file) for file in files]))
    assert model.resize == method and model.size == SIZE
    assert np.abs(ours - by_fastai(learn, files)).max() < SAME and ours.std() > 5*SAME


FAMILIES = 'convnext_tiny', 'mobilenetv3_small_100', 'efficientnet_b0', 'swin_tiny_patch4_window7_224'


@pytest.mark.parametrize('arch', FAMILIES)
def test_families_of_timm_run_in_the_file(arch):
    "Layer normalisation, GELU, squeeze and excitation, windows of attention: the same in the file."
    timm = pytest.importorskip('timm')
    size = 224 if arch.endswith('224') else 96
    torch.manual_seed(0)
    network = timm.create_model(arch, pretrained=False, num_classes=3)
    model = from_photo([.5]*3, [.25]*3, network, torch.nn.Softmax(1)).eval()
    data = convert.export_onnx(model, size)
    squares = np.random.default_rng(0).integers(0, 256, (3, size, size, 3), dtype=np.uint8)
    with torch.no_grad():
        wanted = model(torch.from_numpy(squares)).numpy()
    session = convert_session(data)
    assert np.abs(session.run(None, {'photo': squares})[0] - wanted).max() < SAME


def convert_session(data):
    "Opened as a stranger's file is: with every operation checked."
    from cat_or_dog.engine.onnx_file import open_checked
    return open_checked(data)


def test_the_courses_next_model_end_to_end(folder):
    learn = learner(folder, 'convnext_tiny')
    model, files = from_learner(learn), vision.get_image_files(folder)[:4]
    ours = model.predict_batch(np.stack([model.square(file) for file in files]))
    assert np.abs(ours - by_fastai(learn, files)).max() < SAME


def several(file):
    return [file.parent.name]


class Darker(vision.Transform):
    "A transform of the whole batch that no list foresees."
    def encodes(self, x: vision.TensorImage):
        return x*.5


REFUSED = {
    'labels that go together': (
        {'blocks': (vision.ImageBlock, vision.MultiCategoryBlock), 'get_y': several}, 'CategoryBlock'),
    'padded': ({'item_tfms': vision.Resize(SIZE, method='pad')}, "method='squish'"),
    'not square': ({'item_tfms': vision.Resize((96, 64), method='squish')}, '64 × 96'),
    'another transform': ({'item_tfms': vision.RandomResizedCrop(SIZE)}, 'RandomResizedCrop'),
    'presized': ({'batch_tfms': vision.aug_transforms(size=32)}, 'sees 3 × 32 × 32 numbers'),
    "PyTorch's own loss": ({'loss_func': torch.nn.CrossEntropyLoss()}, "fastai's own losses"),
    'another filter': ({'item_tfms': vision.Resize(SIZE, method='squish', resamples=(0, 0))}, 'other pixels'),
    'one transform more': ({'batch_tfms': Darker()}, 'other pixels'),
    'black and white': ({'blocks': (vision.ImageBlock(vision.PILImageBW), vision.CategoryBlock), 'n_in': 1,
                         'normalize': False}, 'sees 1 × 64 × 64 numbers')}


@pytest.mark.parametrize('kind', REFUSED)
def test_what_the_file_could_not_do_is_refused_before_the_export(folder, kind, monkeypatch):
    how, reason = REFUSED[kind]
    learn = learner(folder, **how)
    not_exported(monkeypatch)
    with pytest.raises(ModelError, match=reason) as error:
        from_learner(learn)
    assert '\n' not in str(error.value) and str(error.value).startswith('This learner cannot be saved')


def test_another_size_than_its_own_is_refused(folder, monkeypatch):
    not_exported(monkeypatch)
    with pytest.raises(ModelError, match='64 pixels, not 96'):
        from_learner(learner(folder), 96)


def test_augmentation_that_is_only_for_training_is_no_reason_to_refuse(folder):
    learn = learner(folder, batch_tfms=vision.aug_transforms())
    model, files = from_learner(learn), vision.get_image_files(folder)[:4]
    ours = model.predict_batch(np.stack([model.square(file) for file in files]))
    assert np.abs(ours - by_fastai(learn, files)).max() < SAME


def test_pixels_that_are_not_the_learners_are_noticed(folder):
    learn = learner(folder)
    (mean, std), softmax = convert.normalisation(learn), torch.nn.Softmax(1)
    check_same(learn, from_photo(mean, std, learn.model, softmax), SIZE, 'squish')
    for model, way in ((from_photo([.1]*3, std, learn.model, softmax), 'squish'),
                       (from_photo(mean, std, learn.model, softmax), 'crop')):
        with pytest.raises(ModelError, match='other pixels'):
            check_same(learn, model, SIZE, way)


def test_a_last_step_that_is_not_softmax_is_noticed(folder):
    "A loss of one's own under a name that sounds right."
    class CrossEntropyLossFlat(vision.CrossEntropyLossFlat):
        def activation(self, logits):
            return logits.sigmoid()
    with pytest.raises(ModelError, match='not softmax'):
        convert.check_last_step(learner(folder, loss_func=CrossEntropyLossFlat()), 2)
    convert.check_last_step(learner(folder), 2)


def test_the_learner_stays_as_it_was(folder):
    "It goes on learning afterwards: in training mode, on its device, with its own numbers."
    learn = learner(folder)
    learn.model.train()
    before = {name: value.clone() for name, value in learn.model.state_dict().items()}
    from_learner(learn)
    assert learn.model.training
    assert all(torch.equal(before[name], value) for name, value in learn.model.state_dict().items())


def test_labels_that_are_numbers_become_text(folder):
    learn = learner(folder, get_y=lambda file: int(file.parent.name == 'dog'))
    assert from_learner(learn).labels == ['0', '1']


# Half a download

def hub(monkeypatch, tmp_path, data):
    "torch's hub folder with a file under the name that `data` should have if it were whole."
    name = f'resnet18-{hashlib.sha256(b"all of it").hexdigest()[:8]}.pth'
    monkeypatch.setattr(torch.hub, 'get_dir', lambda: str(tmp_path))
    class Weights:
        class DEFAULT:
            url = f'https://example.com/{name}'
    monkeypatch.setattr('torchvision.models.ResNet18_Weights', Weights)
    (tmp_path/'checkpoints').mkdir()
    file = tmp_path/'checkpoints'/name
    file.write_bytes(data)
    return file


def test_a_whole_download_is_used(monkeypatch, tmp_path):
    file = hub(monkeypatch, tmp_path, b'all of it')
    assert resnet18_at_hand() and file.exists()


def test_half_a_download_is_removed_and_said(monkeypatch, tmp_path, capsys):
    file = hub(monkeypatch, tmp_path, b'all of')
    assert not resnet18_at_hand() and not file.exists()
    said = capsys.readouterr()
    assert f'{file} is only half there' in said.out + said.err


def test_half_a_download_that_may_not_be_removed_is_not_used(monkeypatch, tmp_path):
    "PyTorch would take it again, even with a network."
    file = hub(monkeypatch, tmp_path, b'all of')
    monkeypatch.delenv('CAT_OR_DOG_OFFLINE')
    monkeypatch.setattr('httpx.head', lambda url: pytest.fail('nobody should ask'))
    def forbidden(path):
        raise PermissionError(13, 'Permission denied')
    monkeypatch.setattr('pathlib.Path.unlink', forbidden)
    assert not resnet18_at_hand() and file.exists()


# Machines

def test_a_graphics_card_that_cannot_run_leaves_the_work_to_the_processor(monkeypatch, capsys):
    def old_card(*args, **options):
        raise RuntimeError('CUDA error: no kernel image is available for execution on the device\nand more')
    monkeypatch.setattr(torch.cuda, 'is_available', lambda: True)
    monkeypatch.setattr(torch, 'ones', old_card)
    assert usable_device() == 'cpu'
    said = capsys.readouterr()
    assert 'no kernel image is available' in said.out + said.err and 'and more' not in said.out + said.err
    monkeypatch.setattr(torch.cuda, 'is_available', lambda: False)
    assert usable_device() == 'cpu'


def test_the_module_itself_needs_no_torch():
    "The command line imports it to say which extra is missing."
    program = '''
import sys
for name in 'torch fastai torchvision timm onnxscript'.split():
    sys.modules[name] = None
import cat_or_dog.engine.convert'''
    subprocess.run([sys.executable, '-c', program], check=True)
