"""What stands at the package's root says what its arguments do, and shows it by an example that runs."""

from __future__ import annotations

import ast
import inspect
import re

import pytest

import smiledet

PUBLIC = [name for name in smiledet.__all__ if not name.startswith("_")]


def parsed(thing: object) -> ast.ClassDef | ast.FunctionDef:
    (node,) = ast.parse(inspect.getsource(thing)).body
    assert isinstance(node, (ast.ClassDef, ast.FunctionDef))
    return node


def named(documentation: str) -> set[str]:
    """What a docstring's Args and Attributes explain."""
    return set(re.findall(r"^ *(\w+): \S", documentation, re.MULTILINE))


def arguments(function: ast.FunctionDef) -> set[str]:
    every = (*function.args.posonlyargs, *function.args.args, *function.args.kwonlyargs)
    return {each.arg for each in every} - {"self", "cls"}


def public_functions(node: ast.ClassDef | ast.FunctionDef) -> list[ast.FunctionDef]:
    found = node.body if isinstance(node, ast.ClassDef) else [node]
    return [each for each in found if isinstance(each, ast.FunctionDef) and not each.name.startswith("_")]


@pytest.mark.parametrize("name", PUBLIC)
def test_it_has_an_example(name):
    assert ">>> " in (inspect.getdoc(getattr(smiledet, name)) or "")


@pytest.mark.parametrize("name", PUBLIC)
def test_every_argument_is_explained(name):
    node = parsed(getattr(smiledet, name))
    for function in public_functions(node):
        documentation = ast.get_docstring(function) or ""
        assert documentation, function.name
        assert arguments(function) <= named(documentation), function.name
    if isinstance(node, ast.ClassDef):
        made = [each for each in node.body if isinstance(each, ast.FunctionDef) and each.name == "__init__"]
        missing = {each for function in made for each in arguments(function)} - named(ast.get_docstring(node) or "")
        assert not missing


@pytest.mark.parametrize("name", PUBLIC)
def test_every_field_is_explained(name):
    node = parsed(getattr(smiledet, name))
    if isinstance(node, ast.ClassDef):
        explained = named(ast.get_docstring(node) or "")
        for field, below in zip(node.body, [*node.body[1:], None], strict=True):
            if isinstance(field, ast.AnnAssign) and not ast.unparse(field.target).startswith("_"):
                text_below = isinstance(below, ast.Expr) and isinstance(below.value, ast.Constant)
                assert ast.unparse(field.target) in explained or text_below, ast.unparse(field.target)
