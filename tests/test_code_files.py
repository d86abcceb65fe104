"""What is refused of submitted code before anything of it is kept."""

from __future__ import annotations

import io
import stat
import zipfile
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from kit.code_files import MOST_BYTES, MOST_FILES, check_code, check_kind, kind_of, read_code, unpack
from kit.errors import InvalidRequest
from kit.submission import Kind

CODE = "def get_estimator():\n    return None\n"


def zipped(path: Path, files: dict[str, str | bytes], *, modes: dict[str, int] | None = None) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            entry = zipfile.ZipInfo(name)
            entry.compress_type = zipfile.ZIP_DEFLATED
            entry.external_attr = (modes or {}).get(name, stat.S_IFREG | 0o644) << 16
            archive.writestr(entry, content)
    return path


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("submission.py", Kind.CODE),
        ("MODEL.ZIP", Kind.CODE),
        ("a.ipynb", Kind.NOTEBOOK),
        ("p.csv.gz", Kind.PREDICTIONS),
    ],
)
def test_the_name_tells_the_kind(name: str, kind: Kind) -> None:
    assert kind_of(name) is kind


def test_a_kind_that_the_question_does_not_take_is_refused_with_what_it_takes() -> None:
    with pytest.raises(InvalidRequest) as refused:
        check_kind("model.py", ["predictions"], "sex")

    assert str(refused.value) == (
        "'model.py' is code; question 'sex' takes predictions: a CSV or Parquet file."
    )


def test_a_folder_around_all_modules_is_taken_off(tmp_path: Path) -> None:
    path = zipped(
        tmp_path / "m.zip", {"mine/": "", "mine/estimator.py": CODE, "mine/sub/tools.py": "x = 1\n"}
    )
    (tmp_path / "out").mkdir()

    check_code(path, "m.zip", ["estimator.py"])
    unpack(path, "m.zip", tmp_path / "out", "estimator")

    found = {p.relative_to(tmp_path / "out").as_posix() for p in (tmp_path / "out").rglob("*.py")}
    assert found == {"estimator.py", "sub/tools.py"}
    assert read_code(path, "m.zip") == {"estimator.py": CODE, "sub/tools.py": "x = 1\n"}


def test_a_file_sent_alone_gets_the_name_that_is_imported(tmp_path: Path) -> None:
    (tmp_path / "my model.py").write_text(CODE)
    (tmp_path / "out").mkdir()

    unpack(tmp_path / "my model.py", "my model.py", tmp_path / "out", "estimator")

    assert (tmp_path / "out/estimator.py").read_text() == CODE


LINK, FIFO, DEVICE = stat.S_IFLNK | 0o777, stat.S_IFIFO | 0o644, stat.S_IFCHR | 0o644
BAD: dict[str, tuple[dict[str, str | bytes], dict[str, int], str]] = {
    "a symlink": ({"estimator.py": CODE, "data": "/etc/passwd"}, {"data": LINK}, "is a link"),
    "the module itself a symlink": ({"estimator.py": "/etc/passwd"}, {"estimator.py": LINK}, "is a link"),
    "a pipe": ({"estimator.py": CODE, "pipe": ""}, {"pipe": FIFO}, "no plain file"),
    "a device": ({"estimator.py": CODE, "null": ""}, {"null": DEVICE}, "no plain file"),
    "a way out": ({"estimator.py": CODE, "../../evil.py": CODE}, {}, "leads outside"),
    "a way out in the middle": ({"estimator.py": CODE, "a/../../evil.py": CODE}, {}, "leads outside"),
    "an absolute path": ({"estimator.py": CODE, "/tmp/evil.py": CODE}, {}, "leads outside"),
    "a Windows drive": ({"estimator.py": CODE, "C:/evil.py": CODE}, {}, "leads outside"),
    "a Windows way out": ({"estimator.py": CODE, "..\\evil.py": CODE}, {}, "leads outside"),
    "a strange name": ({"estimator.py": CODE, "a\nb.py": CODE}, {}, "plain name"),
    "one name twice": ({"estimator.py": CODE, "Estimator.py": CODE}, {}, "twice"),
    "a file as a folder": ({"estimator.py": CODE, "estimator.py/a.py": CODE}, {}, "twice"),
    "no entry": ({"model.py": CODE, "b.py": CODE}, {}, "needs 'estimator.py'"),
    "an entry in a folder beside others": (
        {"a/estimator.py": CODE, "b.py": CODE},
        {},
        "needs 'estimator.py'",
    ),
    "no text": ({"estimator.py": b"\xff\xfe\x00"}, {}, "UTF-8"),
    "too many files": ({f"m{i}.py": "" for i in range(MOST_FILES + 1)}, {}, "are the most"),
    "too many entries": ({f"f{i}/": "" for i in range(2000)}, {}, "are the most"),
    "a bomb": ({"estimator.py": CODE, "zeros": b"\0" * (MOST_BYTES + 1)}, {}, "unpacks to more"),
}


@pytest.mark.parametrize("what", BAD)
def test_an_archive_that_is_not_plain_is_refused(tmp_path: Path, what: str) -> None:
    files, modes, text = BAD[what]
    path = zipped(tmp_path / "m.zip", files, modes=modes)

    with pytest.raises(InvalidRequest, match=text):
        check_code(path, "m.zip", ["estimator.py"])


def test_an_archive_that_lies_of_its_sizes_unpacks_no_more_than_it_says(tmp_path: Path) -> None:
    path = zipped(tmp_path / "m.zip", {"estimator.py": CODE, "zeros": b"\0" * 50_000_000})
    content = path.read_bytes()
    lied = content.replace((50_000_000).to_bytes(4, "little"), (1000).to_bytes(4, "little"))
    path.write_bytes(lied)

    with pytest.raises(InvalidRequest, match="damaged"):
        check_code(path, "m.zip", ["estimator.py"])


@pytest.mark.parametrize(
    "content", [b"", b"PK", b"PK\5\6" + b"\0" * 17 + b"\1x", b"PK\5\6" + b"\xff" * 18], ids=repr
)
def test_what_is_no_archive_is_refused(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "m.zip").write_bytes(content)

    with pytest.raises(InvalidRequest):
        check_code(tmp_path / "m.zip", "m.zip", ["estimator.py"])


@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.data())
def test_a_damaged_archive_is_refused_or_read_but_never_an_error_of_ours(data: st.DataObject) -> None:
    import tempfile

    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("estimator.py", CODE)
        archive.writestr("sub/b.py", CODE * 50)
    content = bytearray(buffer.getvalue())
    for place in data.draw(st.lists(st.integers(0, len(content) - 1), min_size=1, max_size=4)):
        content[place] = data.draw(st.integers(0, 255))

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "m.zip"
        path.write_bytes(bytes(content))
        try:
            check_code(path, "m.zip", ["estimator.py"])
        except InvalidRequest:
            return
        (Path(folder) / "out").mkdir()
        unpack(path, "m.zip", Path(folder) / "out", "estimator")
        assert {p.name for p in Path(folder).iterdir()} == {"m.zip", "out"}
