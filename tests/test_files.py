import os
import stat

import pytest

from refcompress.files import written_whole


def test_the_file_appears_when_the_block_ends(tmp_path):
    target = tmp_path / "a.txt"
    with written_whole(target) as temporary:
        temporary.write_text("new")
        assert not target.exists()
    assert target.read_text() == "new"


def test_an_error_leaves_the_old_file_and_no_other(tmp_path):
    target = tmp_path / "a.txt"
    target.write_text("old")

    def fail_half_way():
        with written_whole(target) as temporary:
            temporary.write_text("new")
            raise RuntimeError("half way")

    with pytest.raises(RuntimeError, match="half way"):
        fail_half_way()
    assert target.read_text() == "old"
    assert [p.name for p in tmp_path.iterdir()] == ["a.txt"]


def test_a_missing_folder_is_an_os_error_that_names_it(tmp_path):
    with pytest.raises(OSError, match="nowhere"), written_whole(tmp_path / "nowhere" / "a.txt"):
        pass


def test_others_may_read_what_they_may_read_of_any_file(tmp_path):
    with written_whole(tmp_path / "a") as temporary:
        temporary.write_text("")
    (tmp_path / "b").write_text("")
    modes = {stat.S_IMODE((tmp_path / name).stat().st_mode) for name in "ab"}
    assert len(modes) == 1


def test_a_file_keeps_its_permissions(tmp_path):
    target = tmp_path / "a"
    target.write_text("old")
    target.chmod(0o640)
    with written_whole(target) as temporary:
        temporary.write_text("new")
    assert (target.read_text(), stat.S_IMODE(target.stat().st_mode)) == ("new", 0o640)


@pytest.mark.parametrize("there", [True, False])
def test_a_link_stays_and_what_it_leads_to_is_written(tmp_path, there):
    (tmp_path / "elsewhere").mkdir()
    target, link = tmp_path / "elsewhere" / "a.txt", tmp_path / "link.txt"
    if there:
        target.write_text("old")
    link.symlink_to(target)
    with written_whole(link) as temporary:
        temporary.write_text("new")
    assert link.is_symlink()
    assert target.read_text() == "new"
    assert sorted(p.name for p in tmp_path.rglob("*.txt")) == ["a.txt", "link.txt"]


def test_what_is_no_file_is_refused_before_anything_is_written_and_stays(tmp_path):
    (tmp_path / "folder").mkdir()
    os.mkfifo(tmp_path / "pipe")
    for name in ("folder", "pipe"):
        before = (tmp_path / name).lstat()
        with pytest.raises(OSError, match=name), written_whole(tmp_path / name):
            pytest.fail("the block was entered")
        assert (tmp_path / name).lstat().st_ino == before.st_ino


@pytest.mark.parametrize("name", ["a" * 255, "\N{WHITE SMILING FACE}" * 85, "a" * 200 + "." + "b" * 54])
def test_a_name_may_be_as_long_as_a_name_can_be(tmp_path, name):
    with written_whole(tmp_path / name) as temporary:
        temporary.write_text("new")
    assert (tmp_path / name).read_text() == "new"
    assert len(list(tmp_path.iterdir())) == 1
