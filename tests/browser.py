"""A real browser for the tests: Debian's Chromium, driven by Playwright; axe, which looks for barriers."""
import os
import shutil
from contextlib import contextmanager

import pytest
from axe_playwright_python.sync_playwright import Axe
from house import ROOT as root
from playwright.sync_api import sync_playwright

artefacts = root/'artefacts'   # screenshots, to be looked at; git ignores them
FLAGS = [
    '--no-sandbox',
    '--disable-gpu',
    '--no-first-run',
    '--disable-background-networking',
    '--disable-component-update',
    '--disable-sync',
]


@contextmanager
def chromium(*flags):
    "Chromium without a window, with more `flags`; no browser here is a skip, and an error in CI."
    path = shutil.which('chromium') or shutil.which('chromium-browser')
    if path is None:
        reason = 'There is no Chromium here. On Debian: apt install chromium fonts-noto-cjk'
        pytest.fail(reason) if os.environ.get('CI') == 'true' else pytest.skip(reason)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=[*FLAGS, *flags])
        yield browser
        browser.close()


FAKE_CAMERA = '--use-fake-device-for-media-stream', '--use-fake-ui-for-media-stream'


def watched_page(context, own, complaints, of_console=None):
    """A new page. `complaints` gets what its program fails on, and what it asks for outside of `own`.

    `of_console` says which lines of the browser's console are complaints, too.
    """
    page = context.new_page()
    page.on('request', lambda request: request.url.startswith((own, 'blob:', 'data:'))
            or complaints.append(request.url))
    page.on('pageerror', lambda error: complaints.append(str(error)))
    if of_console:
        page.on('console', lambda line: of_console(line) and complaints.append(line.text))
    # from the start, since Playwright needs a moment to take file choosers over
    page.on('filechooser', lambda chooser: None)
    return page


def screenshot(page, name, full_page=True):
    "Keep what `page` looks like in artefacts/`name`.png."
    artefacts.mkdir(exist_ok=True)
    page.screenshot(path=artefacts/f'{name}.png', full_page=full_page)


def barriers(page, part=None):
    "What axe finds on `page`, or in its `part` (a selector), that is serious or critical: a line each."
    found = Axe().run(page, context=part).response
    assert len(found['passes']) > 5   # it did look
    return [
        f"{v['id']}: {v['help']}: {[n['html'][:120] for n in v['nodes']]}"
        for v in found['violations']
        if v['impact'] in ('serious', 'critical')
    ]
