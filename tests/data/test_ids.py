"""Names of files that are made of ids."""

from yt8m.data.ids import unique_file_name

IDS = ["abcd", "a,b", "-x", "..", ".hidden", "a/b", "a%2Fb", "ä", "x" * 300, "x" * 301, "v\udcff", "a b"]


def test_different_ids_have_different_names_that_any_file_can_have():
    names = [unique_file_name(each) for each in IDS]
    assert len(set(names)) == len(IDS)
    assert names[:6] == ["abcd", "a%2Cb", "-x", "%2E.", "%2Ehidden", "a%2Fb"]
    assert all(len(name) <= 200 and "/" not in name and name.isascii() for name in names)
