"""Training: on real photos, bad folders, seeds, and which weights are taken."""
import sys

import numpy as np
import pytest
from pictures import save_drawings

from cat_or_dog.engine import convert
from cat_or_dog.engine.body import features
from cat_or_dog.engine.convert import choose_arch, from_learner, packaged_weights
from cat_or_dog.engine.drawings import draw
from cat_or_dog.engine.folder import ManifestRow, write_manifest
from cat_or_dog.engine.head import fit_head
from cat_or_dog.engine.photo import pixels
from cat_or_dog.predict import Classifier
from cat_or_dog.train import train


def test_real_photos(photos, tmp_path):
    "Trained on 400 photos of `train`, wrong on less than 3 % of the 200 of `valid`, and rightly sure."
    model = Classifier.load(train(photos/'train').save(tmp_path/'model.onnx'))
    files = sorted((photos/'valid').glob('*/*.jpg'))
    report = model.evaluate(files)
    print(f"real photos: {report['errors']} of {report['n']} wrong")
    assert report['n'] == 200 and not report['unreadable']
    assert report['error_rate'] < 0.03 and report['calibration_error'] < 0.03 and report['neither'] <= 12


def test_the_same_seed_gives_the_same_file(drawn, model_file):
    assert train(drawn).data == model_file.read_bytes()


@pytest.mark.parametrize('wrong, says', [
    ({'method': 'magic'}, 'There is no method .magic.: choose one of head, fine_tune'),
    ({'size': 100}, 'a multiple of 32')])
def test_wrong_settings_are_named(drawn, wrong, says):
    with pytest.raises(ValueError, match=says):
        train(drawn, **wrong)


def test_three_labels(drawn, tmp_path):
    for label in ('cat', 'dog'):
        (tmp_path/label).symlink_to(drawn/label)
    (tmp_path/'noise').mkdir()
    for i in range(20):
        draw('cat', i).effect_spread(200).save(tmp_path/'noise'/f'{i}.png')
    model = train(tmp_path)
    assert model.labels == ['cat', 'dog', 'noise']
    assert model.predict(draw('dog', 300).effect_spread(200)).label == 'noise'


@pytest.mark.parametrize('labels', [('cat', 'dog'), ('cat', 'thing'), ('this', 'that')])
def test_the_file_computes_what_the_head_computes(drawn, tmp_path, labels):
    "With a head start for all labels, for some, for none."
    for old, new in zip(('cat', 'dog'), labels):
        (tmp_path/new).symlink_to(drawn/old)
    model, files = train(tmp_path, size=96), sorted(tmp_path.glob('*/*.jpg'))
    head = fit_head(features(files, 96), [f.parent.name for f in files])
    ours = model.predict_batch(np.stack([model.square(f) for f in files]))
    assert model.labels == sorted(labels) and np.allclose(
        ours, head.probabilities(features(files, 96)), atol=3e-3
    )


def test_the_head_start_helps_when_photos_are_few(photos):
    "Five real photos a label, ten random choices: fewer errors with what ImageNet's head knows."
    files = sorted((photos/'train').glob('*/*.jpg'))[::4] + sorted((photos/'valid').glob('*/*.jpg'))
    X, y = features(files, 96), np.array([f.parent.name for f in files])
    valid, wrong = np.array(['valid' in f.parts for f in files]), {True: [], False: []}
    for i in range(10):
        rng = np.random.default_rng(i)
        chosen = np.concatenate(
            [rng.choice(np.flatnonzero(~valid & (y == label)), 5, replace=False) for label in ('cat', 'dog')]
        )
        for start in wrong:
            head = fit_head(X[chosen], y[chosen], start)
            wrong[start].append(
                (np.array(head.labels)[head.probabilities(X[valid]).argmax(1)] != y[valid]).mean()
            )
    assert np.mean(wrong[True]) < np.mean(wrong[False]) - 0.02


def test_two_photos_are_enough_to_begin(drawn, tmp_path):
    for label in ('cat', 'dog'):
        (tmp_path/label).mkdir()
        for f in sorted((drawn/label).glob('*.jpg'))[:2]:
            (tmp_path/label/f.name).write_bytes(f.read_bytes())
    model = train(tmp_path)
    assert model.metadata['validation']['n'] == 4 and model.predict(draw('cat', 0)).label in ('cat', 'dog')


def test_licences_of_the_manifest_are_noted(drawn, tmp_path):
    import shutil
    shutil.copytree(drawn, tmp_path/'photos')
    rows = {}
    for i, file in enumerate(sorted((tmp_path/'photos'/'cat').glob('*.jpg'))):
        name = f'{i:016x}.jpg'
        file.rename(file.with_name(name))
        rows[name] = ManifestRow(f'https://example.com/{name}', license='CC0 1.0', status='kept', file=name)
    write_manifest(tmp_path/'photos'/'cat', rows)
    assert train(tmp_path/'photos').metadata['licences'] == {'CC0 1.0': 30}


def test_fixed_batch_norm_keeps_the_statistics(drawn):
    import torch
    from fastai.vision.all import vision_learner

    from cat_or_dog.data import dataloaders
    dls, statistics = dataloaders(drawn, size=64), []
    for callbacks in ([], [convert.fixed_batch_norm()]):
        learn = vision_learner(dls, choose_arch(), cbs=callbacks)
        before = [m.running_mean.clone() for m in learn.model[0].modules() if hasattr(m, 'running_mean')]
        learn.fit(1)
        after = [m.running_mean for m in learn.model[0].cpu().modules() if hasattr(m, 'running_mean')]
        statistics.append(all(torch.equal(a, b.cpu()) for a, b in zip(after, before)))
    assert statistics == [False, True]


def test_packaged_weights_must_fit():
    import timm
    names = timm.create_model('tf_efficientnet_lite0', pretrained=False).state_dict()
    assert packaged_weights(names).keys() == names.keys()
    wider = dict(names, **{'conv_stem.weight': names['conv_stem.weight'].repeat(2, 1, 1, 1)})
    with pytest.raises(ValueError, match='do not fit'):
        packaged_weights(wider)
    with pytest.raises(ValueError):
        packaged_weights(dict(list(names.items())[:-1]))


def test_resnet18_is_taken_when_its_weights_are_on_disk(monkeypatch, tmp_path, capsys):
    import torch
    from torchvision.models import ResNet18_Weights
    monkeypatch.setattr(torch.hub, 'get_dir', lambda: str(tmp_path))
    assert choose_arch().__name__ == 'efficientnet_lite0'
    (tmp_path/'checkpoints').mkdir()
    weights = tmp_path/'checkpoints'/ResNet18_Weights.DEFAULT.url.rsplit('/', 1)[1]
    monkeypatch.setattr(convert, 'is_whole', lambda file: file.read_bytes() == b'whole')
    weights.write_bytes(b'whole')
    assert choose_arch().__name__ == 'resnet18'
    weights.write_bytes(b'who')                      # a download that broke off
    assert choose_arch().__name__ == 'efficientnet_lite0' and not weights.exists()
    heard = capsys.readouterr()
    assert heard.out.count('Pretrained weights:') == 3 and 'only half there' in heard.err


def test_the_articles_resnet18_end_to_end(monkeypatch, tmp_path):
    """With weights on disk, fine_tune takes resnet18, and the file predicts as fastai does.

    The weights are random ones here, under the name of the real ones.
    """
    import torch
    from fastai.vision.all import error_rate, vision_learner
    from torchvision.models import ResNet18_Weights, resnet18

    from cat_or_dog.data import dataloaders
    monkeypatch.setenv('TORCH_HOME', str(tmp_path/'torch'))
    (tmp_path/'torch'/'hub'/'checkpoints').mkdir(parents=True)
    torch.manual_seed(0)
    monkeypatch.setattr(convert, 'is_whole', lambda file: True)   # random weights have another hash
    torch.save(
        resnet18().state_dict(),
        tmp_path/'torch'/'hub'/'checkpoints'/ResNet18_Weights.DEFAULT.url.rsplit('/', 1)[1],
    )
    save_drawings(tmp_path/'photos', range(10), name='{}.png', size=160)
    dls = dataloaders(tmp_path/'photos', size=96)
    learn = vision_learner(dls, choose_arch(), metrics=error_rate)
    learn.fine_tune(1)
    theirs = learn.get_preds(dl=dls.test_dl(dls.valid_ds.items))[0].numpy()
    ours = from_learner(learn, 96).predict_batch(np.stack([pixels(f, 96) for f in dls.valid_ds.items]))
    assert learn.arch is resnet18 and np.allclose(ours, theirs, atol=1e-3)


def test_fastai_pytorch_and_onnx_runtime_agree_on_100_photos(photos):
    import torch
    from fastai.vision.all import vision_learner

    from cat_or_dog.data import dataloaders
    dls = dataloaders(photos/'train', size=96)
    torch.manual_seed(0)
    learn = vision_learner(dls, choose_arch())
    with torch.no_grad():
        learn.model[1][-1].weight.mul_(3)  # a random head with opinions
    files = sorted((photos/'valid').glob('*/*.jpg'))[::2]
    by_fastai = learn.get_preds(dl=dls.test_dl(files))[0].numpy()
    batch = np.stack([pixels(f, 96) for f in files])
    with torch.no_grad():
        by_torch = learn.model.eval()(torch.tensor(batch).permute(0, 3, 1, 2)/127.5 - 1).softmax(1).numpy()
    by_onnx = from_learner(learn, 96).predict_batch(batch)
    assert len(files) == 100 and by_fastai.std() > 0.01
    assert np.abs(by_fastai - by_torch).max() < 1e-3 and np.abs(by_onnx - by_torch).max() < 1e-3


def test_no_network_is_noticed(monkeypatch, tmp_path):
    import threading

    import httpx
    import torch
    monkeypatch.delenv('CAT_OR_DOG_OFFLINE')
    monkeypatch.setattr(torch.hub, 'get_dir', lambda: str(tmp_path))
    def refused(*args, **kwargs):
        raise httpx.ConnectError('no route')
    monkeypatch.setattr(httpx, 'head', refused)
    assert not convert.resnet18_at_hand()
    monkeypatch.setattr(convert, 'REACHABLE_SECONDS', 0.1)
    never = threading.Event()
    monkeypatch.setattr(httpx, 'head', lambda *args, **kwargs: never.wait())   # a look-up that hangs
    assert not convert.resnet18_at_hand()
    never.set()


def test_fine_tune_gives_the_same_kind_of_model(tmp_path):
    save_drawings(tmp_path, range(12), size=160)
    first, second = (train(tmp_path, method='fine_tune', size=96) for _ in range(2))
    assert first.labels == ['cat', 'dog'] and first.size == 96 and first.metadata['method'] == 'fine_tune'
    batch = np.stack([pixels(f, 96) for f in sorted(tmp_path.glob('*/*.jpg'))])
    # one seed, one model
    assert np.allclose(first.predict_batch(batch), second.predict_batch(batch), atol=1e-6)


def test_a_broken_photo_is_counted_and_left_out(drawn, tmp_path, capsys):
    import shutil
    shutil.copytree(drawn, tmp_path/'photos')
    (tmp_path/'photos'/'cat'/'000.jpg').write_bytes(b'not a photo')
    assert train(tmp_path/'photos').metadata['photos'] == 59
    assert '000.jpg' in capsys.readouterr().out


@pytest.mark.parametrize('package', ['fastai', 'torch', 'onnxscript'])
def test_without_the_course_extra_fine_tune_is_one_sentence(tmp_path, monkeypatch, package):
    "From Python too, and before a photo is looked at."
    monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(ModuleNotFoundError, match=rf"{package}, .*Run: pip install 'cat_or_dog\[course\]'"):
        train(tmp_path/'nowhere', method='fine_tune')


def test_without_the_train_extra_training_is_one_sentence(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, 'onnx', None)
    with pytest.raises(ModuleNotFoundError, match=r"Run: pip install 'cat_or_dog\[train\]'"):
        train(tmp_path/'nowhere')


@pytest.mark.parametrize('name, extra', [('fastai', 'course'), ('cleanlab', 'clean')])
def test_other_ways_in_name_the_extra_too(drawn, monkeypatch, name, extra):
    from cat_or_dog.data import dataloaders
    from cat_or_dog.engine.clean import suspects
    monkeypatch.setitem(sys.modules, name, None)
    with pytest.raises(ModuleNotFoundError, match=rf'cat_or_dog\[{extra}\]'):
        (dataloaders if extra == 'course' else suspects)(drawn)


@pytest.mark.parametrize('known', [True, False])
def test_a_label_that_is_only_held_out_costs_nothing(tmp_path, known):
    "`valid/fox` without `train/fox`: it can't be measured, the others can."
    save_drawings(tmp_path/'train', range(8), size=96)
    if known:
        save_drawings(tmp_path/'valid', range(50, 54), size=96)
    (tmp_path/'valid'/'fox').mkdir(parents=True)
    draw('dog', 70).save(tmp_path/'valid'/'fox'/'1.jpg')
    model = train(tmp_path, size=96)
    assert model.labels == ['cat', 'dog'] and model.metadata['validation']['n'] == (8 if known else 16)


def test_a_seed_that_no_generator_takes(drawn):
    for seed in -1, 2**32:
        with pytest.raises(ValueError, match=f'seed={seed} does not fit'):
            train(drawn, seed=seed)
