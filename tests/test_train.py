"""Training: on real photos, bad folders, seeds, and which weights are taken."""
import numpy as np
import pytest

from cat_or_dog import train as module
from cat_or_dog.drawings import draw
from cat_or_dog.predict import Classifier, pixels
from cat_or_dog.train import choose_arch, from_learner, packaged_weights, train


def test_real_photos(photos, tmp_path):
    "Trained on 400 photos of `train`, wrong on less than 5 % of the 200 of `valid`: a broken pipeline is wrong on half of them."
    model = Classifier.load(train(photos/'train').save(tmp_path/'model.onnx'))
    files = sorted((photos/'valid').glob('*/*.jpg'))
    report = model.evaluate(files)
    print(f"real photos: {report['errors']} of {report['n']} wrong")
    assert report['n'] == 200 and not report['unreadable']
    assert report['error_rate'] < 0.05


def test_the_same_seed_gives_the_same_file(drawn, model_file):
    assert train(drawn).data == model_file.read_bytes()


def test_three_labels(drawn, tmp_path):
    for label in ('cat', 'dog'): (tmp_path/label).symlink_to(drawn/label)
    (tmp_path/'noise').mkdir()
    for i in range(20): draw('cat', i).effect_spread(200).save(tmp_path/'noise'/f'{i}.png')
    model = train(tmp_path)
    assert model.labels == ['cat', 'dog', 'noise']
    assert model.predict(draw('dog', 300).effect_spread(200)).label == 'noise'


def test_packaged_weights_must_fit():
    import timm
    names = timm.create_model('tf_efficientnet_lite0', pretrained=False).state_dict()
    assert packaged_weights(names).keys() == names.keys()
    wider = dict(names, **{'conv_stem.weight': names['conv_stem.weight'].repeat(2, 1, 1, 1)})
    with pytest.raises(ValueError, match='do not fit'): packaged_weights(wider)
    with pytest.raises(ValueError): packaged_weights(dict(list(names.items())[:-1]))


def test_resnet18_is_taken_when_its_weights_are_on_disk(monkeypatch, tmp_path, capsys):
    import torch
    from torchvision.models import ResNet18_Weights
    monkeypatch.setattr(torch.hub, 'get_dir', lambda: str(tmp_path))
    assert choose_arch().__name__ == 'efficientnet_lite0'
    (tmp_path/'checkpoints').mkdir()
    (tmp_path/'checkpoints'/ResNet18_Weights.DEFAULT.url.rsplit('/', 1)[1]).touch()
    assert choose_arch().__name__ == 'resnet18'
    assert capsys.readouterr().out.count('Pretrained weights:') == 2


def test_the_articles_resnet18_end_to_end(monkeypatch, tmp_path):
    "With weights on disk (random ones here, under the name of the real ones), fine_tune takes resnet18, and the file predicts as fastai does."
    import torch
    from fastai.vision.all import error_rate, vision_learner
    from torchvision.models import ResNet18_Weights, resnet18
    from cat_or_dog.data import dataloaders
    monkeypatch.setenv('TORCH_HOME', str(tmp_path/'torch'))
    (tmp_path/'torch'/'hub'/'checkpoints').mkdir(parents=True)
    torch.manual_seed(0)
    torch.save(resnet18().state_dict(), tmp_path/'torch'/'hub'/'checkpoints'/ResNet18_Weights.DEFAULT.url.rsplit('/', 1)[1])
    for label in ('cat', 'dog'):
        (tmp_path/'photos'/label).mkdir(parents=True)
        for i in range(10): draw(label, i, size=160).save(tmp_path/'photos'/label/f'{i}.png')
    dls = dataloaders(tmp_path/'photos', size=96)
    learn = vision_learner(dls, choose_arch(), metrics=error_rate)
    learn.fine_tune(1)
    theirs = learn.get_preds(dl=dls.test_dl(dls.valid_ds.items))[0].numpy()
    ours = from_learner(learn, 96).predict_batch(np.stack([pixels(f, 96) for f in dls.valid_ds.items]))
    assert learn.arch is resnet18 and np.allclose(ours, theirs, atol=1e-3)


def test_no_network_is_noticed(monkeypatch, tmp_path):
    import httpx, threading, torch
    monkeypatch.delenv('CAT_OR_DOG_OFFLINE')
    monkeypatch.setattr(torch.hub, 'get_dir', lambda: str(tmp_path))
    def refused(*args, **kwargs): raise httpx.ConnectError('no route')
    monkeypatch.setattr(httpx, 'head', refused)
    assert not module._resnet18_at_hand()
    never = threading.Event()
    monkeypatch.setattr(httpx, 'head', lambda *args, **kwargs: never.wait())   # a look-up that hangs
    assert not module._resnet18_at_hand(seconds=0.1)
    never.set()


def test_fine_tune_gives_the_same_kind_of_model(tmp_path):
    for label in ('cat', 'dog'):
        (tmp_path/label).mkdir()
        for i in range(12): draw(label, i, size=160).save(tmp_path/label/f'{i}.jpg')
    first, second = (train(tmp_path, method='fine_tune', size=96) for _ in range(2))
    assert first.labels == ['cat', 'dog'] and first.size == 96 and first.metadata['method'] == 'fine_tune'
    batch = np.stack([pixels(f, 96) for f in sorted(tmp_path.glob('*/*.jpg'))])
    assert np.allclose(first.predict_batch(batch), second.predict_batch(batch), atol=1e-6)   # one seed, one model


def test_a_broken_photo_is_counted_and_left_out(drawn, tmp_path, capsys):
    import shutil
    shutil.copytree(drawn, tmp_path/'photos')
    (tmp_path/'photos'/'cat'/'000.jpg').write_bytes(b'not a photo')
    assert train(tmp_path/'photos').metadata['photos'] == 59
    assert '000.jpg' in capsys.readouterr().out
