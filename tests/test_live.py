"""Live figures in a browser: on a static page, without a kernel; with the keyboard; where scripts are off."""
import re

import nbformat
import numpy as np
import pytest
from browser import barriers, chromium, screenshot
from nbconvert import HTMLExporter

from cat_or_dog.engine.live import WORDS, descend, live_descent, live_line, live_threshold, loss_at

rng = np.random.default_rng(42)
labels = np.repeat([0, 1], 30)
points = (rng.normal(size=(60, 2)) + np.where(labels[:, None] == 1, 0.9, -0.9)).round(3)
scores = (1/(1 + np.exp(-points.sum(1)))).round(4)
RATES = [0.1, 1., 25.]


@pytest.fixture(scope='module')
def page_file(tmp_path_factory):
    "A notebook with three figures, as nbconvert writes it for the web."
    descent = live_descent(points, labels, rates=RATES)
    figures = [live_line(points, labels), descent, live_threshold(scores, labels)]
    pages = [{'text/html': figure._repr_html_()} for figure in figures]
    outputs = [nbformat.v4.new_output('display_data', page) for page in pages]
    cells = [nbformat.v4.new_code_cell('live', outputs=[output]) for output in outputs]
    title = nbformat.v4.new_markdown_cell('# Live figures')
    notebook = nbformat.v4.new_notebook(cells=[title, *cells])
    html, _ = HTMLExporter(embed_images=True).from_notebook_node(notebook)
    file = tmp_path_factory.mktemp('live')/'live.html'
    file.write_text(html, encoding='utf-8')
    return file


@pytest.fixture(scope='module')
def browser():
    with chromium() as browser:
        yield browser


def opened(browser, file, **options):
    "The page, with no way to any other host; the list of its errors."
    page = browser.new_context(**options).new_page()
    errors = []
    page.on('pageerror', lambda error: errors.append(str(error)))
    page.route('**/*', lambda r: r.continue_() if r.request.url.startswith(('file:', 'data:')) else r.abort())
    page.goto(file.as_uri(), wait_until='domcontentloaded')
    return page, errors


@pytest.fixture
def live(browser, page_file):
    page, errors = opened(browser, page_file)
    page.wait_for_function('document.querySelectorAll("[data-live] canvas").length == 4')
    yield page
    assert not [error for error in errors if 'MathJax' not in error and 'require' not in error]
    page.context.close()


def numbers(text):
    return [float(number) for number in re.findall(r'-?\d+(?:\.\d+)?', text)]


def said(page, figure):
    return page.locator('[data-live]').nth(figure).locator('output').inner_text()


def of_line(angle, place, sure):
    "Wrong answers and loss of a line, by NumPy."
    a = np.radians(angle)
    sums = sure*(points @ [np.cos(a), np.sin(a)] - place)
    loss = np.logaddexp(0, np.where(labels == 1, -sums, sums)).mean()
    return int(((sums > 0) != labels).sum()), loss


def test_line_says_what_numpy_says(live):
    wrong, n, _, loss = numbers(said(live, 0))
    expected = of_line(0, 0, 2)
    assert (wrong, n) == (expected[0], 60) and loss == pytest.approx(expected[1], abs=6e-4)


def test_line_by_keyboard(live):
    turn = live.get_by_label('turn the line')
    turn.focus()
    for _ in range(45):
        live.keyboard.press('ArrowRight')
    wrong, _, _, loss = numbers(said(live, 0))
    expected = of_line(45, 0, 2)
    assert wrong == expected[0] and loss == pytest.approx(expected[1], abs=6e-4)
    assert loss < of_line(0, 0, 2)[1]   # the truth lies in that direction


def test_line_by_dragging(live):
    box = live.locator('[data-live] canvas').first.bounding_box()
    x, y, side = box['x'] + box['width']/2, box['y'] + box['height']/2, box['width']
    live.mouse.move(x, y)
    live.mouse.down()
    live.mouse.move(x + side/6, y, steps=5)   # a sixth of the map, which is 6 wide: 1 to the right
    live.mouse.up()
    assert float(live.get_by_label('push the line').input_value()) == pytest.approx(1, abs=0.06)
    assert numbers(said(live, 0))[3] == pytest.approx(of_line(0, 1, 2)[1], abs=0.05)
    live.mouse.move(x + side/3, y)   # not held any more: nothing may move
    assert float(live.get_by_label('push the line').input_value()) == pytest.approx(1, abs=0.06)


@pytest.mark.parametrize('rate', RATES)
def test_ball_goes_the_way_that_numpy_goes(browser, page_file, rate):
    page, _ = opened(browser, page_file, reduced_motion='reduce')   # 40 steps at once, without a film
    page.get_by_label('learning rate').select_option(label=f'{rate:g}')
    page.get_by_role('button', name='40 steps').click()
    step, loss = numbers(said(page, 1))[:2]
    way = descend(points, labels, (-3, 3), rate)
    assert step == 40 and loss == pytest.approx(loss_at(way[-1], points, labels), abs=6e-4)
    page.get_by_role('button', name='start again').click()
    assert numbers(said(page, 1))[0] == 0
    page.context.close()


def test_ball_rolls_downhill_as_a_film(live):
    start = numbers(said(live, 1))[1]
    live.get_by_role('button', name='one step').click()
    after_one = numbers(said(live, 1))
    assert after_one[0] == 1 and after_one[1] < start
    live.get_by_role('button', name='start again').click()
    live.get_by_role('button', name='40 steps').click()
    words = 'document.querySelectorAll("[data-live] output")[1].textContent'
    live.wait_for_function(words + '.startsWith("Step 40:")')
    assert numbers(said(live, 1))[1] < start/2
    assert live.locator('[data-live]').nth(1).locator('output').get_attribute('aria-live') == 'polite'


def test_threshold_counts_as_numpy_does(live):
    slider = live.get_by_label('threshold', exact=True)
    slider.focus()
    for _ in range(20):
        live.keyboard.press('ArrowRight')
    t, found, there, alarms, accuracy = numbers(said(live, 2))
    says = scores >= 0.7
    assert (t, there) == (0.7, 30)
    assert (found, alarms) == ((says & (labels == 1)).sum(), (says & (labels == 0)).sum())
    assert accuracy == pytest.approx(100*(says == (labels == 1)).mean(), abs=0.06)


def test_each_picture_says_what_it_shows(live):
    "Two maps, a landscape, and how many got which number: a screen reader is told which is which."
    said_of = [canvas.get_attribute('aria-label') for canvas in live.locator('[data-live] canvas').all()]
    assert said_of == [WORDS['map'], WORDS['map'], WORDS['landscape'], WORDS['counts']]


def test_no_barriers(live):
    screenshot(live, 'live')
    for figure in range(3):
        live.locator('[data-live]').nth(figure).evaluate(f'place => place.id = "figure{figure}"')
        assert not barriers(live, f'#figure{figure}')


def test_narrow_screen(browser, page_file):
    page, _ = opened(browser, page_file, viewport={'width': 360, 'height': 740})
    page.wait_for_selector('[data-live] canvas')
    for canvas in page.locator('[data-live] canvas').all():
        assert canvas.bounding_box()['width'] <= 360
    page.context.close()


def test_still_pictures_without_scripts(browser, page_file):
    page, _ = opened(browser, page_file, java_script_enabled=False)
    pictures = page.locator('[data-live] img')
    assert pictures.count() == 3 and not page.locator('[data-live] canvas').count()
    for picture in pictures.all():
        assert len(picture.get_attribute('alt')) > 20
        assert picture.bounding_box()['height'] > 100   # it is there, not only its place
    screenshot(page, 'live-without-scripts')
    page.context.close()
