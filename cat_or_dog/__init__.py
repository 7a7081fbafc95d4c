import os
os.environ.setdefault('ORT_DISABLE_TELEMETRY', '1')   # else ONNX Runtime (from 1.29) keeps a device id on the disk and reports to its maker

__version__ = "0.1.0"
