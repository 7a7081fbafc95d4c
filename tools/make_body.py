"""Make the body that ships with the package, and ImageNet's own head: `make body`. Needs the extra `course`.

Photos -> features without PyTorch: EfficientNet-Lite0 as an ONNX file, all 49 convolutions in whole numbers.
"""
import argparse
import io
import logging
import sys
import tempfile
import warnings
from pathlib import Path

import numpy as np
import onnx
import onnxruntime as ort
import torch
from onnx import helper, numpy_helper
from onnxruntime.quantization import CalibrationDataReader, QuantType, quantize_static
from onnxruntime.quantization.shape_inference import quant_pre_process
from timm.data import ImageNetInfo
from torch import nn

from cat_or_dog.engine.convert import efficientnet_lite0
from cat_or_dog.engine.drawings import LABELS, draw
from cat_or_dog.engine.photo import pixels

WEIGHTS = Path(__file__).resolve().parent.parent/'cat_or_dog'/'weights'
SIZE = 256                            # side of the squares that are shown for the ranges, in pixels
DRAWINGS = range(5000, 5024)          # numbers of the drawings that are shown; the lesson uses none of them
OPSET = 18
FEATURES = 1280


class Body(nn.Module):
    "Normalised photos (n, 3, height, width) -> maps (n, 1280, height/32, width/32), features (n, 1280)."
    def __init__(self, model):
        super().__init__()
        self.layers = nn.Sequential(model.conv_stem, model.bn1, model.blocks, model.conv_head, model.bn2)

    def forward(self, photo):
        maps = self.layers(photo)
        return maps, maps.mean((2, 3))


def exported(model) -> onnx.ModelProto:
    """The body as an ONNX graph: input 'normalised', any number of photos.

    It is exported at one size. Nothing in it depends on that size, as long as each side is a multiple of 32:
    the layers that halve a photo pad an even side by the same pixels, whatever its length.
    """
    logging.getLogger('torch.onnx').setLevel(logging.ERROR)
    example = torch.zeros(2, 3, SIZE, SIZE)
    with warnings.catch_warnings(), torch.no_grad():
        warnings.simplefilter('ignore')   # the exporter warns about its own insides
        program = torch.onnx.export(model.eval(), (example,), dynamo=True, input_names=['normalised'],
                                    output_names=['maps', 'features'], opset_version=OPSET, verbose=False,
                                    dynamic_shapes=({0: torch.export.Dim('n')},))
    return program.model_proto


def shown() -> np.ndarray:
    "Drawings as the quick way sees them, uint8 (n, SIZE, SIZE, 3)."
    return np.stack([pixels(draw(label, number), SIZE, 'half') for number in DRAWINGS for label in LABELS])


class Calibration(CalibrationDataReader):
    "Shows the drawings to the quantiser, which notes the range of every layer's numbers."
    def __init__(self, photos):
        normalised = photos.transpose(0, 3, 1, 2).astype(np.float32)/127.5 - 1
        self.batches = iter(np.array_split(normalised, len(normalised)//8))

    def get_next(self):
        return next(({'normalised': batch} for batch in self.batches), None)


def quantised(graph: onnx.ModelProto, photos: np.ndarray) -> onnx.ModelProto:
    """`graph` in whole numbers: weights int8 a channel, in 7 bits, activations uint8.

    7 bits, because processors without VNNI add two products in 16 bits, which overflow with 8.
    uint8, because a branch that is read twice is otherwise left in float.
    """
    logging.getLogger().setLevel(logging.ERROR)   # it logs hints for its developers
    with tempfile.TemporaryDirectory() as folder:
        whole, plain, done = (Path(folder)/name for name in ('whole.onnx', 'plain.onnx', 'done.onnx'))
        onnx.save(graph, whole)
        quant_pre_process(whole, plain, skip_symbolic_shape=True)
        quantize_static(plain, done, Calibration(photos), per_channel=True, reduce_range=True,
                        activation_type=QuantType.QUInt8, weight_type=QuantType.QInt8)
        return onnx.load(done)


def from_bytes(model: onnx.ModelProto) -> onnx.ModelProto:
    """`model` with photos as they are, 'photo' uint8 (n, height, width, 3), for its input.

    The normalisation v/127.5 − 1 is the same as dequantising with the scale 1/127.5 and the zero point 127.5.
    A zero point is whole, so it is 128, and the half step that is too much goes into the bias of the first
    convolution.
    """
    graph = model.graph
    first = next(node for node in graph.node if 'normalised' in node.input)   # QuantizeLinear
    second = next(node for node in graph.node if first.output[0] in node.input)   # DequantizeLinear
    convolution = next(node for node in graph.node if second.output[0] in node.input)
    add_to_bias(graph, convolution, 0.5/127.5)
    scale = numpy_helper.from_array(np.float32(1/127.5), 'photo_scale')
    zero = numpy_helper.from_array(np.uint8(128), 'photo_zero_point')
    graph.initializer.extend([scale, zero])
    graph.node.remove(first)
    graph.node.remove(second)
    graph.node.insert(0, helper.make_node('Transpose', ['photo'], ['planes'], 'planes', perm=[0, 3, 1, 2]))
    graph.node.insert(1, helper.make_node('DequantizeLinear', ['planes', 'photo_scale', 'photo_zero_point'],
                                          [second.output[0]], 'normalise'))
    del graph.input[:], graph.output[:], graph.value_info[:]   # they name the size at which it was exported
    shape = ['n', 'height', 'width', 3]
    graph.input.append(helper.make_tensor_value_info('photo', onnx.TensorProto.UINT8, shape))
    for name, shape in (('maps', ['n', FEATURES, 'rows', 'columns']), ('features', ['n', FEATURES])):
        graph.output.append(helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, shape))
    return model


def add_to_bias(graph, convolution, step: float) -> None:
    """Fit the bias of `convolution` to its new input: scale 1/127.5, numbers too small by `step`.

    A bias is int32 with the scale of the input times that of the weights: it is quantised anew. What `step`
    takes away from each sum, the sum of the channel's weights times `step`, is given back.
    """
    arrays = {array.name: array for array in graph.initializer}
    makers = {out: node for node in graph.node for out in node.output}
    weight_names, bias_names = (makers[name].input for name in convolution.input[1:3])
    weight, scale = (numpy_helper.to_array(arrays[name]) for name in weight_names[:2])
    bias, bias_scale = (numpy_helper.to_array(arrays[name]) for name in bias_names[:2])
    lost = step*(weight*scale.reshape(-1, 1, 1, 1)).sum((1, 2, 3))
    new_scale = (scale/127.5).astype(np.float32)
    new_bias = np.round((bias*bias_scale + lost)/new_scale).astype(np.int32)
    for name, value in zip(bias_names[:2], (new_bias, new_scale), strict=True):
        arrays[name].CopyFrom(numpy_helper.from_array(value, name))


def tidied(model: onnx.ModelProto) -> onnx.ModelProto:
    "`model` without what no run needs: notes of the exporter (with paths of this machine), unused numbers."
    del model.metadata_props[:]
    used = {name for node in model.graph.node for name in node.input}
    unused = [array for array in model.graph.initializer if array.name not in used]
    for array in unused:
        model.graph.initializer.remove(array)
    for node in model.graph.node:
        del node.metadata_props[:]
        node.doc_string = ''
    return model


def make_body() -> bytes:
    "The whole-number body, uint8 (n, height, width, 3) -> 'maps' and 'features', as an ONNX file's bytes."
    model = tidied(from_bytes(quantised(exported(Body(efficientnet_lite0())), shown())))
    model.doc_string = 'EfficientNet-Lite0, pretrained on ImageNet, in whole numbers; see NOTICE'
    onnx.checker.check_model(model)
    return model.SerializeToString()


def make_head() -> bytes:
    "ImageNet's own head: weight float16 (1000, 1280), bias float32 (1000,), and the words for each class."
    head, file = efficientnet_lite0().classifier, io.BytesIO()
    np.savez(file, weight=head.weight.detach().numpy().astype(np.float16), bias=head.bias.detach().numpy(),
             names=np.array(ImageNetInfo().label_descriptions()))
    return file.getvalue()


def integer_convolutions(data: bytes) -> tuple[int, int]:
    "How many convolutions of the optimised graph ONNX Runtime computes in whole numbers, how many in float."
    with tempfile.TemporaryDirectory() as folder:
        options = ort.SessionOptions()
        options.optimized_model_filepath = str(Path(folder)/'optimised.onnx')
        options.log_severity_level = 3   # the optimised file fits only this kind of processor, it warns
        options.graph_optimization_level = ort.GraphOptimizationLevel.ORT_ENABLE_EXTENDED
        ort.InferenceSession(data, options, providers=['CPUExecutionProvider'])
        kinds = [node.op_type for node in onnx.load(options.optimized_model_filepath).graph.node]
    return kinds.count('QLinearConv'), kinds.count('Conv') + kinds.count('FusedConv')


def main():
    parser = argparse.ArgumentParser(description=__doc__.split('\n')[0])
    parser.add_argument('--dest', type=Path, default=WEIGHTS, help='folder (default: that of the package)')
    dest = parser.parse_args().dest
    data = make_body()
    whole, in_float = integer_convolutions(data)
    size = f'{len(data)/1e6:.1f} MB'
    print(f'{whole} convolutions in whole numbers, {in_float} in float; {size}', file=sys.stderr)
    dest.mkdir(parents=True, exist_ok=True)
    (dest/'body.onnx').write_bytes(data)
    (dest/'imagenet_head.npz').write_bytes(make_head())


if __name__ == '__main__':
    main()
