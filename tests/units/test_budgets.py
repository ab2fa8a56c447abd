"""The budgets: how long a function, how wide a call, how large a module may be.

A budget may be raised for one place by a decision page that says why, never silently: `RAISED`
names the place and the page.
"""

from __future__ import annotations

import ast
import io
import tokenize
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PACKAGE = ROOT / "src" / "fingerpost"
FUNCTION_LINES = 60
FUNCTION_LINES_P90 = 30
MODULE_LINES = 500
PARAMETERS = 8
POSITIONAL = 2

# "room/module.py:function" → the page in docs/decisions that raises its budget.
RAISED: dict[str, str] = {
    "cli/study_run.py:run": "0011-a-commands-options.md",
    "cli/england_build.py:build": "0011-a-commands-options.md",
    "cli/link_run.py:run": "0011-a-commands-options.md",
    "cli/rollout_analyse.py:analyse": "0011-a-commands-options.md",
    "cli/rollout_replan.py:replan": "0011-a-commands-options.md",
    "cli/trial_analyse.py:analyse": "0011-a-commands-options.md",
    "cli/trial_randomise.py:randomise": "0011-a-commands-options.md",
    "cli/trial_note.py:note": "0011-a-commands-options.md",
    "cli/trial_boundaries.py:boundaries": "0011-a-commands-options.md",
    "cli/trial_power.py:power": "0011-a-commands-options.md",
}

FunctionNode = ast.FunctionDef | ast.AsyncFunctionDef


@dataclass(frozen=True)
class Function:
    """One function of the package and where it stands."""

    module: str
    name: str
    node: FunctionNode
    method: bool
    nested: bool

    @property
    def place(self) -> str:
        return f"{self.module}:{self.name}"

    @property
    def lines(self) -> int:
        return (self.node.end_lineno or self.node.lineno) - self.node.lineno + 1

    @property
    def public(self) -> bool:
        parts = [part for part in self.name.split(".") if part != "__init__"]
        return not self.nested and not any(part.startswith("_") for part in parts)

    @property
    def positional(self) -> list[str]:
        arguments = self.node.args
        names = [argument.arg for argument in (*arguments.posonlyargs, *arguments.args)]
        static = any(
            isinstance(mark, ast.Name) and mark.id == "staticmethod"
            for mark in self.node.decorator_list
        )
        return names[1:] if self.method and not static else names

    @property
    def parameters(self) -> int:
        arguments = self.node.args
        starred = (arguments.vararg is not None) + (arguments.kwarg is not None)
        return len(self.positional) + len(arguments.kwonlyargs) + starred


@cache
def modules() -> dict[str, ast.Module]:
    """Return the syntax tree of every module, by its path within the package."""
    return {
        path.relative_to(PACKAGE).as_posix(): ast.parse(path.read_text(encoding="utf-8"))
        for path in sorted(PACKAGE.rglob("*.py"))
    }


def walk(
    module: str,
    body: list[ast.stmt],
    *,
    prefix: str = "",
    method: bool = False,
    nested: bool = False,
) -> Iterator[Function]:
    """Yield every function under `body`, whatever it is nested in."""
    for node in body:
        if isinstance(node, FunctionNode):
            name = f"{prefix}{node.name}"
            yield Function(module, name, node, method, nested)
            yield from walk(module, node.body, prefix=f"{name}.", nested=True)
        elif isinstance(node, ast.ClassDef):
            yield from walk(
                module, node.body, prefix=f"{prefix}{node.name}.", method=True, nested=nested
            )
        else:
            for part in ("body", "orelse", "finalbody"):
                inner = [item for item in getattr(node, part, []) if isinstance(item, ast.stmt)]
                yield from walk(module, inner, prefix=prefix, method=method, nested=nested)
            for handler in getattr(node, "handlers", []):
                yield from walk(module, handler.body, prefix=prefix, method=method, nested=nested)


@cache
def functions() -> tuple[Function, ...]:
    """Return every function of the package."""
    return tuple(function for name, tree in modules().items() for function in walk(name, tree.body))


def module_name(path: str) -> str:
    """Return the dotted name of a module from its path within the package."""
    parts = ["fingerpost", *path.removesuffix(".py").split("/")]
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def mentions(tree: ast.Module, known: dict[str, str]) -> Iterator[tuple[str, str]]:
    """Yield (module, name) for each name of the package that a module takes from another."""
    brought: dict[str, str] = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.module:
            for alias in node.names:
                if f"{node.module}.{alias.name}" in known:
                    brought[alias.asname or alias.name] = known[f"{node.module}.{alias.name}"]
                elif node.module in known:
                    yield known[node.module], alias.name
        elif isinstance(node, ast.Dict):
            # The package's own names are looked up on first use from a table of name → module.
            for key, value in zip(node.keys, node.values, strict=True):
                constants = isinstance(key, ast.Constant) and isinstance(value, ast.Constant)
                if constants and value.value in known:
                    yield known[value.value], str(key.value)
    for node in ast.walk(tree):
        of_name = isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name)
        if of_name and node.value.id in brought:
            yield brought[node.value.id], node.attr


@cache
def offered() -> frozenset[tuple[str, str]]:
    """Return (module, name) of everything that a room offers: what another room uses, and core."""
    known = {module_name(path): path for path in modules()}
    found = {(f.module, f.name.split(".")[0]) for f in functions() if f.module.startswith("core/")}
    for path, tree in modules().items():
        room = path.split("/")[0]
        found |= {(at, name) for at, name in mentions(tree, known) if at.split("/")[0] != room}
    return frozenset(found)


def over(found: dict[str, object], allowed: str) -> None:
    """Fail with every place that is over its budget and has no page that raises it."""
    listed = [f"  {place}: {what}" for place, what in found.items() if place not in RAISED]
    assert not listed, f"over budget (allowed: {allowed}):\n" + "\n".join(listed)


def test_the_package_is_found():
    assert "core/cohort.py" in modules()
    assert len(functions()) > 20


def test_functions_are_short():
    found = {f.place: f"{f.lines} lines" for f in functions() if f.lines > FUNCTION_LINES}
    over(found, f"{FUNCTION_LINES} lines a function")


def test_nine_functions_in_ten_are_very_short():
    lengths = sorted(function.lines for function in functions())
    p90 = lengths[int(0.9 * (len(lengths) - 1))]
    longest = sorted(functions(), key=lambda f: -f.lines)[:20]
    assert p90 <= FUNCTION_LINES_P90, f"90th percentile is {p90} lines; longest:\n" + "\n".join(
        f"  {f.place}: {f.lines}" for f in longest
    )


def test_modules_are_short():
    found = {}
    for name in modules():
        lines = len((PACKAGE / name).read_text(encoding="utf-8").splitlines())
        if lines > MODULE_LINES:
            found[name] = f"{lines} lines"
    over(found, f"{MODULE_LINES} lines a module")


def test_functions_take_few_parameters():
    found = {
        f.place: f"{f.parameters} parameters" for f in functions() if f.parameters > PARAMETERS
    }
    over(found, f"{PARAMETERS} parameters")


def test_what_a_room_offers_is_keyword_only_after_two():
    found = {
        f.place: f"positional: {', '.join(f.positional)}"
        for f in functions()
        if f.public
        and len(f.positional) > POSITIONAL
        and (f.module, f.name.split(".")[0]) in offered()
    }
    over(found, f"{POSITIONAL} positional parameters, the rest after *")


def test_no_public_function_takes_any_keyword():
    found = {
        f.place: f"**{f.node.args.kwarg.arg}" for f in functions() if f.public and f.node.args.kwarg
    }
    over(found, "named parameters only")


def test_every_public_name_says_what_it_is():
    found = {
        f.place: "no docstring"
        for f in functions()
        if f.public and not f.node.name.startswith("__") and not ast.get_docstring(f.node)
    }
    for name, tree in modules().items():
        if tree.body and not ast.get_docstring(tree):
            found[name] = "no docstring"
        for node in tree.body:
            public_class = isinstance(node, ast.ClassDef) and not node.name.startswith("_")
            if public_class and not ast.get_docstring(node):
                found[f"{name}:{node.name}"] = "no docstring"
    over(found, "a docstring for every public module, class and function")


def test_only_the_command_line_prints():
    found = {}
    for name, tree in modules().items():
        for node in ast.walk(tree):
            called = isinstance(node, ast.Call) and isinstance(node.func, ast.Name)
            if called and node.func.id == "print" and not name.startswith("cli/"):
                found[f"{name}:{node.lineno}"] = "print(...)"
    over(found, "print in cli only")


def test_no_global_state_is_changed():
    found = {}
    for name, tree in modules().items():
        for node in ast.walk(tree):
            if isinstance(node, ast.Global):
                found[f"{name}:{node.lineno}"] = f"global {', '.join(node.names)}"
    over(found, "no `global`")


def test_nothing_is_left_to_do():
    marks = ("TO" + "DO", "FIX" + "ME", "XX" + "X", "HA" + "CK")
    found = {}
    for name in modules():
        text = (PACKAGE / name).read_text(encoding="utf-8")
        for token in tokenize.generate_tokens(io.StringIO(text).readline):
            if token.type == tokenize.COMMENT and any(mark in token.string for mark in marks):
                found[f"{name}:{token.start[0]}"] = token.string
    over(found, "finished code")


@pytest.mark.parametrize("place", sorted(RAISED) or ["none"])
def test_a_raised_budget_has_a_page_and_a_place(place):
    if place == "none":
        assert not RAISED
        return
    assert (ROOT / "docs" / "decisions" / RAISED[place]).is_file()
    assert place in {f.place for f in functions()} | set(modules())


def test_what_a_room_offers_is_known():
    assert ("core/cohort.py", "Cohort") in offered()
    assert ("studies/run.py", "run") in offered()
    tree = ast.parse(
        "from fingerpost.kernels import glm as models\n"
        "from fingerpost.studies.guard import judge\n"
        "from fingerpost.elsewhere import unknown\n"
        "models.fit()\nother.fit()\n"
    )
    known = {"fingerpost.kernels.glm": "kernels/glm.py", "fingerpost.studies.guard": "guard.py"}
    assert set(mentions(tree, known)) == {("kernels/glm.py", "fit"), ("guard.py", "judge")}


def test_the_budgets_bite():
    tree = ast.parse("def public(a, b, c, *, d, **rest):\n" + "    a\n" * 61)
    (function,) = walk("made_up.py", tree.body)
    assert function.public and function.lines == 62 and function.parameters == 5
    assert function.positional == ["a", "b", "c"]
