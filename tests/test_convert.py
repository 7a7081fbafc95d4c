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


FAMILIES = ('convnext_tiny', 'mobilenetv3_small_100', 'efficientnet_b0', 'swin_tiny_patch4_window7_224',
            'vit_tiny_patch16_224', 'levit_128s')


@pytest.mark.parametrize('arch', FAMILIES)
def test_families_of_timm_run_in_the_file(arch):
    "Layer normalisation, GELU, squeeze and excitation, windows of attention: the same in the file."
    timm = pytest.importorskip('timm')
    size = 224 if arch.endswith('224') or arch.startswith('levit') else 96
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
    learn = learner(folder, loss_func=CrossEntropyLossFlat())
    with pytest.raises(ModelError, match='not softmax'):
        convert.check_last_step(learn, 2)
    model = from_photo(*convert.normalisation(learn), learn.model, torch.nn.Softmax(1))
    with pytest.raises(ModelError, match='not softmax'):
        check_same(learn, model, SIZE, 'squish')
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
    asked = []   # in a thread, where a failure would be heard by nobody
    monkeypatch.setattr('httpx.head', asked.append)
    def forbidden(path):
        raise PermissionError(13, 'Permission denied')
    monkeypatch.setattr('pathlib.Path.unlink', forbidden)
    assert not resnet18_at_hand() and file.exists() and asked == []


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


# What the learner does not do, and what is missing

def says_not_turned(learn, monkeypatch):
    "Is it said that this learner leaves photos on their side? Without an export."
    said = []
    monkeypatch.setattr(convert, 'say_once', said.append)
    size, way = convert.check_convertible(learn)
    model = from_photo(*convert.normalisation(learn), learn.model, torch.nn.Softmax(1))
    check_same(learn, model, size, way)
    convert.say_if_not_turned(learn, model, size, way)
    return convert.NOT_TURNED in said


def test_a_learner_that_leaves_photos_on_their_side_is_told(folder, monkeypatch):
    from cat_or_dog.engine.photo import upright
    assert says_not_turned(learner(folder), monkeypatch)
    assert not says_not_turned(learner(folder, get_x=upright), monkeypatch)


def test_from_learner_tells_it_before_the_export(folder, monkeypatch):
    said = []
    monkeypatch.setattr(convert, 'say_once', said.append)
    def export(*args):
        raise InterruptedError
    monkeypatch.setattr(convert, 'export_onnx', export)
    with pytest.raises(InterruptedError):
        from_learner(learner(folder))
    assert said == [convert.NOT_TURNED]


@pytest.mark.parametrize('package', ['onnx', 'onnxscript'])
def test_a_missing_exporter_is_named_before_the_export(folder, monkeypatch, package):
    not_exported(monkeypatch)
    learn = learner(folder)
    monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(ModuleNotFoundError, match=f'{package}, which is not installed. Run: pip install'):
        from_learner(learn)


@pytest.mark.parametrize(
    'problem', [FileNotFoundError(2, 'SSL_CERT_FILE'), ImportError('socksio'), ValueError('proxy')])
def test_wrong_settings_of_the_network_are_like_no_network(monkeypatch, tmp_path, problem):
    file = hub(monkeypatch, tmp_path, b'')
    file.unlink()
    monkeypatch.delenv('CAT_OR_DOG_OFFLINE')
    def head(url):
        raise problem
    monkeypatch.setattr('httpx.head', head)
    assert not resnet18_at_hand()


# Each number and each line of it counts

def test_the_packaged_weights_must_fit(monkeypatch):
    "A network with another shape, or weights in another order, is no EfficientNet-Lite0."
    good = convert.efficientnet_lite0().state_dict()
    names = list(good)
    assert all(torch.equal(good[name], value) for name, value in convert.packaged_weights(good).items())
    bigger = {name: torch.zeros(7) if name == names[3] else value for name, value in good.items()}
    with pytest.raises(ValueError, match=r'do not fit: .* is not .* \(7,\)'):
        convert.packaged_weights(bigger)
    other_part = {name.replace('bn1.weight', 'bn1.bias2'): value for name, value in good.items()}
    with pytest.raises(ValueError, match='do not fit'):
        convert.packaged_weights(other_part)
    with pytest.raises(ValueError, match='longer|shorter'):
        convert.packaged_weights({name: good[name] for name in names[:-1]})


def test_random_weights_are_not_the_pretrained_ones():
    pretrained, random = (
        convert.efficientnet_lite0(which).state_dict()['conv_stem.weight'] for which in (True, False))
    assert not torch.equal(pretrained, random)
    assert torch.equal(pretrained, convert.efficientnet_lite0().state_dict()['conv_stem.weight'])


def test_the_body_gives_maps_of_1280_features():
    convert.register_lite0()
    from fastai.vision.learner import model_meta
    meta = model_meta[convert.efficientnet_lite0]
    network, photo = convert.efficientnet_lite0().eval(), torch.rand(1, 3, 64, 96)
    with torch.no_grad():
        maps = meta['cut'](network)(photo)
        assert maps.std() > 0 and torch.equal(maps, network.forward_features(photo))
    assert maps.shape == (1, 1280, 2, 3) and meta['stats'] == ([.5]*3, [.5]*3)
    assert meta['split'].__name__ == 'default_split'


@pytest.mark.parametrize('at_hand, name, said', [(True, 'resnet18', 'as in the article'),
                                                 (False, 'efficientnet_lite0', 'EfficientNet-Lite0')])
def test_which_network_is_chosen_is_said(monkeypatch, capsys, at_hand, name, said):
    monkeypatch.setattr(convert, 'resnet18_at_hand', lambda: at_hand)
    assert convert.choose_arch().__name__ == name and said in capsys.readouterr().out


def test_batch_norm_keeps_its_statistics_in_training(folder):
    learn = learner(folder, cbs=convert.fixed_batch_norm())
    body = {name: value.clone() for name, value in learn.model[0].state_dict().items() if 'running' in name}
    head = {name: value.clone() for name, value in learn.model[1].state_dict().items() if 'running' in name}
    with learn.no_bar(), learn.no_logging():
        learn.fit(1)
    now = learn.model[0].state_dict()
    assert body and all(torch.equal(now[name], value) for name, value in body.items())
    assert any(not torch.equal(learn.model[1].state_dict()[name], value) for name, value in head.items())


def test_normalisation_is_read_from_the_learner(folder):
    normal = vision.Normalize.from_stats(*vision.imagenet_stats)
    mean, std = convert.normalisation(learner(folder, batch_tfms=normal))
    assert np.allclose(mean, vision.imagenet_stats[0]) and np.allclose(std, vision.imagenet_stats[1])
    assert convert.normalisation(learner(folder, normalize=False)) == ([0.]*3, [1.]*3)


def test_from_photo_normalises_and_goes_on():
    model = from_photo([.5, .25, 0.], [.5, .25, 1.], torch.nn.Flatten())
    photo = torch.tensor([[[[255, 0, 51]]]], dtype=torch.uint8)   # one red-violet pixel
    assert torch.allclose(model.planes(photo).flatten(), torch.tensor([1., -1., .2]))
    assert torch.allclose(model(photo), torch.tensor([[1., -1., .2]]))


def test_a_small_difference_of_pixels_is_none_and_a_grey_step_is_one(folder):
    learn = learner(folder)
    mean, std = convert.normalisation(learn)
    for shift, refused in (0.5/255, False), (2/255, True):
        model = from_photo([m + shift for m in mean], std, learn.model, torch.nn.Softmax(1))
        if refused:
            with pytest.raises(ModelError, match='other pixels'):
                check_same(learn, model, SIZE, 'squish')
        else:
            check_same(learn, model, SIZE, 'squish')


def test_a_file_that_answers_other_numbers_is_refused(folder, monkeypatch):
    "The export itself is not believed: its answers are compared with the learner's."
    learn = learner(folder)
    export = convert.export_onnx
    def other(model, size):
        model.layers[-1] = torch.nn.Softmax(1)
        with torch.no_grad():
            list(model.layers[0].parameters())[-1].mul_(-1)
        data = export(model, size)
        with torch.no_grad():
            list(model.layers[0].parameters())[-1].mul_(-1)
        return data
    monkeypatch.setattr(convert, 'export_onnx', other)
    with pytest.raises(ModelError, match='other numbers than the learner'):
        from_learner(learn)


def test_what_is_exported_takes_any_number_of_photos(folder):
    session = from_learner(learner(folder)).session
    (photo,), (answer,) = session.get_inputs(), session.get_outputs()
    assert (photo.name, photo.type, answer.name) == ('photo', 'tensor(uint8)', 'probabilities')
    assert photo.shape[1:] == [SIZE, SIZE, 3] and isinstance(photo.shape[0], str)
    for n in 1, 3, 17:
        assert session.run(None, {'photo': np.zeros((n, SIZE, SIZE, 3), np.uint8)})[0].shape == (n, 2)
