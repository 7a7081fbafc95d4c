"""What all tests share: no live web, the photos beside the checkout, marks that say what a test needs."""
import errno
import os
from pathlib import Path

import pytest
from house import ROOT

# tests never ask the live web: its answers are recorded, or local servers play it
os.environ['CAT_OR_DOG_OFFLINE'] = '1'
# and look at English sentences, also on a Japanese computer
os.environ['CAT_OR_DOG_LANG'] = 'en'
# a make that a test starts is not one within `make test`
for name in ('MAKEFLAGS', 'MAKELEVEL', 'MFLAGS'):
    os.environ.pop(name, None)
# most people's Python keeps back what it prints into a pipe
os.environ.pop('PYTHONUNBUFFERED', None)

# What a test needs is told by its module, by a fixture that it asks for, or by its name. All others are fast.
MODULES = {
    'slow': {
        'test_browser',
        'test_cli',       # starts the program again and again
        'test_convert',
        'test_data',      # waits for fastai
        'test_teach',     # trains, and starts a server, for nearly every test
    },
    'browser': {'test_browser'},
    'network': {
        'test_download',
        'test_drawings',
        'test_fetch',
        'test_page',
        'test_photo_list',
        'test_search',
        'test_teach',
    },
}
FIXTURES = {
    'photos': {'photos'},
    'browser': {'browser'},
    'network': {'registry', 'programs', 'bucket', 'ray'},
    'slow': {'ray'},
}
SLOW = {
    'test_37_labels_and_what_many_photos_change',
    'test_a_batch_of_japanese_labels_is_shown_with_their_names',
    'test_a_download_that_stopped_early_goes_on',
    'test_a_full_queue_says_when_to_ask_again',
    'test_a_label_that_is_not_in_the_words',
    'test_a_signal_leaves_whole_files_and_no_child',
    'test_a_worker_that_is_killed_costs_nothing',
    'test_an_export_into_a_new_space_and_over_an_earlier_one',
    'test_big_photos_are_unpacked_one_at_a_time_and_small_ones_side_by_side',
    'test_ctrl_c_does_not_wait_for_servers_that_say_nothing',
    'test_different_drawings_are_not_copies',
    'test_fastai_on_two_processes_is_fastai_on_one',
    'test_fifty_clients_at_once',
    'test_fifty_files_at_once',
    'test_fine_tune_gives_the_same_kind_of_model',
    'test_five_thousand_photos',
    'test_fixed_batch_norm_keeps_the_statistics',
    'test_json_never_changes',
    'test_killed_ten_times',
    'test_modules_of_the_base_install_import_no_heavy_ones',
    'test_names_of_the_package_come_when_they_are_asked_for',
    'test_photos_are_made_once',
    'test_scanned_digits_are_not_copies_and_their_copies_are',
    'test_slow_clients_and_clients_that_hang_up_harm_nobody',
    'test_squish_is_what_fastai_makes',
    'test_the_articles_resnet18_end_to_end',
    'test_the_background_does_not_give_the_label_away',
    'test_the_command_serves_until_ctrl_c',
    'test_the_command_writes_a_folder_and_never_into_one_that_holds_something',
    'test_the_commands_with_ray',
    'test_the_exported_folder_needs_nothing_else',
    'test_the_exported_folder_runs_by_itself',
    'test_the_file_computes_what_the_head_computes',
    'test_the_model_is_made_once_and_again_when_it_is_torn',
    'test_the_same_seed_gives_the_same_file',
    'test_the_whole_way',
    'test_three_labels',
    'test_without_a_font_one_sentence_comes_and_the_figures_too',
    'test_without_photos_tests_skip_unless_they_are_required',
}
NOT_FAST = {'slow', 'browser', 'photos'}
# These need what Windows has not: pipes with names, signals from outside, rights, names that are no text.
POSIX = {
    'test_a_cache_that_may_only_be_read_still_answers',
    'test_a_full_disk_costs_only_the_memory',
    'test_a_learner_writes_nothing_among_the_photos',
    'test_a_link_does_not_lead_out_of_the_folder',
    'test_a_link_still_leads_to_its_photo_after_moving',
    'test_a_class_folder_may_be_a_link_and_a_circle_ends',
    'test_a_pipe_a_socket_and_five_gigabytes_are_rows_with_a_reason',
    'test_a_pipe_or_a_device_is_never_replaced',
    'test_a_reason_with_a_name_that_is_no_text_is_written_down',
    'test_a_signal_leaves_whole_files_and_no_child',
    'test_bad_photos_are_rows_with_reasons',
    'test_closed_streams_are_no_reason_to_fail',
    'test_ctrl_c_does_not_wait_for_servers_that_say_nothing',
    'test_ctrl_c_leaves_earlier_results_whole',
    'test_folders_without_numbers_are_told_apart',
    'test_head_of_a_pipe',
    'test_killed_ten_times',
    'test_names_that_are_no_text_or_would_move_the_cursor',
    'test_the_command_serves_until_ctrl_c',
    'test_what_is_no_model_file_gets_one_sentence',
    'test_where_pytorch_and_widgets_8_are_there_they_stay',
}


def marks_of(item) -> set[str]:
    "The marks that a test gets from its module, its fixtures and its name."
    by_module = {mark for mark, modules in MODULES.items() if item.module.__name__ in modules}
    by_fixture = {mark for mark, fixtures in FIXTURES.items() if fixtures & set(item.fixturenames)}
    by_name = {'slow'} if item.originalname in SLOW else set()
    return by_module | by_fixture | by_name


def pytest_ignore_collect(collection_path, config):
    "With `-m fast`, a module without a fast test is not even imported: some wait for fastai."
    if config.option.markexpr == 'fast' and collection_path.stem in MODULES['slow'] | MODULES['browser']:
        return True
    return None   # others may say


def pytest_collection_modifyitems(items):
    for item in items:
        for mark in marks_of(item):
            item.add_marker(mark)
        if os.name == 'nt' and item.originalname in POSIX:
            item.add_marker(pytest.mark.skip(reason='Windows has no such thing'))
        if not NOT_FAST & {mark.name for mark in item.iter_markers()}:
            item.add_marker('fast')


@pytest.fixture(scope='session')
def photos():
    """Folder with train/{cat,dog} and valid/{cat,dog}: real photos, kept beside the checkout and never in it.

    CAT_OR_DOG_PHOTOS says where they are; with the word 'required', a test that misses them fails.
    """
    wish = os.environ.get('CAT_OR_DOG_PHOTOS', '')
    folder = Path(wish) if wish not in ('', 'required') else ROOT.parent/'shared'/'photos'
    if folder.is_dir():
        return folder
    reason = f'The real photos are not at {folder}; set CAT_OR_DOG_PHOTOS to where they are.'
    if wish == 'required':
        pytest.fail(reason)
    pytest.skip(reason)


@pytest.fixture
def close_folder(monkeypatch):
    "A function: from now on, no folder whose path ends like its argument can be listed."
    real = os.scandir
    def close(ending):
        def refuse(path):
            if str(path).endswith(ending):
                raise PermissionError(errno.EACCES, 'Permission denied')
            return real(path)
        monkeypatch.setattr(os, 'scandir', refuse)
    return close


@pytest.fixture(scope='session')
def drawn(tmp_path_factory):
    "Folder with 30 drawings of each label."
    from pictures import save_drawings
    folder = tmp_path_factory.mktemp('drawn')
    save_drawings(folder, range(30), name='{:03}.jpg')
    return folder


@pytest.fixture(scope='session')
def model_file(drawn):
    "A model trained on the drawings of `drawn`."
    from cat_or_dog.train import train
    return train(drawn).save(drawn.parent/'drawn-model.onnx')
