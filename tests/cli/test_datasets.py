import json

import cv2
import numpy as np
import pytest

from smiledet.cli import main


@pytest.fixture
def pets(tmp_path):
    """Three cats to train on, two dogs, one of them to test on."""
    for number, name in enumerate(("train/cat/a", "train/cat/b", "train/cat/c", "train/dog/d", "test/dog/e")):
        path = tmp_path / "pets" / f"{name}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        cv2.imwrite(str(path), np.full((20, 20, 3), 40 * number, np.uint8))
    return tmp_path / "pets"


def test_without_arguments_it_lists_layouts_tasks_and_files(capsys):
    assert main(["datasets"]) == 0
    lines = {line.split()[0]: line for line in capsys.readouterr().out.splitlines()}
    assert {"fer2013", "utkface", "imdbwiki", "landmarks68", "folders"} <= set(lines)
    assert "gender, age" in lines["utkface"] and "<age>_<gender>_<race>" in lines["utkface"]
    assert "any" in lines["folders"]


def test_the_list_as_json(capsys):
    assert main(["datasets", "--json"]) == 0
    layouts = {one["layout"]: one for one in map(json.loads, capsys.readouterr().out.splitlines())}
    assert layouts["genki4k"]["tasks"] == {"smile": ["not smiling", "smiling"]}
    assert layouts["utkface"]["tasks"] == {"gender": ["man", "woman"], "age": None}


def test_classes_by_split_as_a_table(pets, capsys):
    assert main(["datasets", f"folders:{pets}"]) == 0
    rows = [line.split() for line in capsys.readouterr().out.splitlines()]
    assert ["class", "train", "test", "all"] in rows
    assert ["cat", "3", "0", "3"] in rows and ["dog", "1", "1", "2"] in rows and ["all", "4", "1", "5"] in rows


def test_classes_by_split_as_json(pets, capsys):
    assert main(["datasets", f"folders:{pets}", f"folders:{pets}", "--json"]) == 0
    one, other = map(json.loads, capsys.readouterr().out.splitlines())
    assert one == other
    assert one["counts"] == {"train": {"cat": 3, "dog": 1}, "test": {"dog": 1}}
    assert (one["task"], one["identities"], one["duplicates"]) == (None, None, 0)


def test_a_contact_sheet_is_written(pets, tmp_path):
    sheet = tmp_path / "sheet.png"
    assert main(["datasets", f"folders:{pets}", "--sheet", str(sheet), "--columns", "3"]) == 0
    picture = cv2.imread(str(sheet))
    assert picture.shape[1] > 3 * 120 and picture.shape[0] > 2 * 120


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["nowhere"], ["LAYOUT:PATH"]),
        (["folders:/nowhere/at/all"], ["/nowhere/at/all"]),
        (["mnist:/tmp"], ["mnist", "utkface"]),
        (["genki4k:{pets}", "--task", "age"], ["genki4k", "smile", "'age'"]),
        (["utkface:{pets}"], ["{pets}", "<age>_<gender>"]),
        (["--sheet", "a.png"], ["--sheet", "LAYOUT:PATH"]),
        (["folders:{pets}", "--sheet", "a.gif"], ["a.gif", ".png"]),
        (["folders:{pets}", "--sheet", "/nowhere/a.png"], ["/nowhere"]),
        (["folders:{pets}", "--sheet", "{pets}.png/a.png"], ["no folder"]),
        (["folders:{pets}", "--sheet", "a.png", "--columns", "0"], ["--columns 0"]),
        (["folders:{pets}", "--sheet", "a.png", "--columns", "x"], ["--columns"]),
    ],
)
def test_bad_input_is_one_line(arguments, words, pets, capsys):
    assert main(["datasets", *(argument.format(pets=pets) for argument in arguments)]) == 2
    output, complaint = capsys.readouterr()
    assert output == "" and complaint.count("\n") == 1
    for word in words:
        assert word.format(pets=pets) in complaint
