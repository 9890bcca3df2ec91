"""The migrations' versions: dbmate knows each by its number alone."""

from pathlib import Path


def test_each_version_is_there_once() -> None:
    versions = [path.name.partition("_")[0] for path in Path("migrations").glob("*.sql")]
    assert len(versions) > 5
    assert len(versions) == len(set(versions))
