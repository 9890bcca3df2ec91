"""What is installed of a jar."""

import zipfile
from pathlib import Path

import pytest

from stack.jar import install

MANIFEST = "META-INF/MANIFEST.MF"


def jar(file: Path, manifest: str) -> Path:
    with zipfile.ZipFile(file, "w") as made:
        made.writestr(MANIFEST, manifest)
        made.writestr("a/A.class", b"class")
    return file


@pytest.mark.parametrize("header", ["Built-By: one with a\n Class-Path: x\n", "Not-Class-Path: x\n"])
def test_a_jar_is_linked_as_it_came(tmp_path: Path, header: str) -> None:
    came = jar(tmp_path / "a.jar", f"Manifest-Version: 1.0\n{header}")
    install(came, tmp_path / "placed.jar")
    assert (tmp_path / "placed.jar").samefile(came)


def test_native_code_is_linked(tmp_path: Path) -> None:
    came = tmp_path / "a.so"
    came.write_bytes(b"\x7fELF")
    install(came, tmp_path / "placed.so")
    assert (tmp_path / "placed.so").samefile(came)


@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_a_jar_loses_its_class_path_and_nothing_else(tmp_path: Path, end: str) -> None:
    before, after = f"Manifest-Version: 1.0{end}", f"Multi-Release: true{end}{end}"
    came = jar(tmp_path / "a.jar", f"{before}class-path: . b.jar{end}  c.jar{end} d.jar{end}{after}")
    whole = came.read_bytes()
    install(came, tmp_path / "placed.jar")
    with zipfile.ZipFile(tmp_path / "placed.jar") as placed:
        assert placed.namelist() == [MANIFEST, "a/A.class"]
        assert placed.read(MANIFEST).decode() == before + after
        assert placed.read("a/A.class") == b"class"
    assert came.read_bytes() == whole
