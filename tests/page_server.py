"""The web page for tests: `cat-or-dog app` with chosen limits, and a record of what it writes or connects to.

    python tests/page_server.py MODEL RECORD '{"limits": {"waiting": 3}, "slow": 0.1}'
"""
import json
import os
import sys
import time

from cat_or_dog.engine.page import Limits
from cat_or_dog.engine.server import serve
from cat_or_dog.predict import Classifier

CHANGES = {
    'os.mkdir',
    'os.rename',
    'os.remove',
    'os.link',
    'os.symlink',
    'os.truncate',
    'shutil.copyfile',
    'socket.connect',
    'subprocess.Popen',
    'os.system',
    'tempfile.mkstemp',
    'tempfile.mkdtemp',
}


def writes(mode, flags):
    if isinstance(mode, str):
        return bool(set(mode) & set('wax+'))
    return bool((flags or 0) & (os.O_WRONLY | os.O_RDWR | os.O_CREAT))


def main(model_file, record_file, options):
    model = Classifier.load(model_file)
    record = open(record_file, 'a', buffering=1)   # noqa: SIM115 – until this process ends
    if options.get('slow'):
        predict = Classifier.predict
        Classifier.predict = lambda self, photo: (time.sleep(options['slow']), predict(self, photo))[1]

    def note(event, args):
        if event in CHANGES or event == 'open' and writes(*args[1:]):
            record.write(f'{event} {args!r}\n')

    def ready(url):
        print(url, flush=True)
        sys.addaudithook(note)

    serve(model, port=0, limits=Limits(**options.get('limits', {})), ready=ready)


if __name__ == '__main__':
    main(sys.argv[1], sys.argv[2], json.loads(sys.argv[3]))
