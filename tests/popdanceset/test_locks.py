import multiprocessing
import threading
import time

import pytest

from popdanceset.locks import locked


def append_twice(path, lock):
    with locked(lock):
        text = path.read_text() if path.exists() else ""
        time.sleep(0.01)
        path.write_text(text + "x")


def test_processes_and_threads_take_turns(tmp_path):
    target, lock = tmp_path / "text", tmp_path / "below" / "a.lock"
    context = multiprocessing.get_context("fork")
    workers = [context.Process(target=append_twice, args=(target, lock)) for _ in range(4)]
    workers += [threading.Thread(target=append_twice, args=(target, lock)) for _ in range(4)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()

    assert target.read_text() == "x" * 8


def test_an_error_in_the_block_gives_the_lock_back(tmp_path):
    with pytest.raises(KeyError), locked(tmp_path / "a.lock"):
        raise KeyError
    with locked(tmp_path / "a.lock"):
        pass


def test_a_file_where_a_folder_is_needed(tmp_path):
    (tmp_path / "a").touch()
    with pytest.raises(FileExistsError), locked(tmp_path / "a" / "lock"):
        pass
