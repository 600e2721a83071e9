"""Write the API reference, docs/api.md, from the source: signatures and docstrings.

A script of its own, because the other pages are Markdown that is read where the code is, and the
libraries for this make web sites that need a place of their own. It reads the source and imports
nothing, so that the page does not depend on the Python that writes it.
"""

from __future__ import annotations

import ast
import re
import textwrap
from collections.abc import Iterator
from functools import cache
from itertools import chain

from support.pages import ROOT

__all__ = ["PACKAGES", "PAGE", "written"]

PAGE = ROOT / "docs" / "api.md"
#: The public packages, in the order of the page.
PACKAGES = (
    "glowback_trio",
    "glowback_trio.client",
    "glowback_trio.client.sync",
    "glowback_trio.testing",
    "glowback_trio.server",
    "glowback_trio.errors",
)

_HEAD = """# API reference

What a program may import, with the docstrings of the code. `nox -s api` writes this page; a test
compares it with the code. [embedding.md](embedding.md) and [testing.md](testing.md) show how the
parts are used together.
"""
_WIDTH = 100
_SECTIONS = ("Args", "Attributes", "Raises", "Returns", "Yields")
_SECTION = re.compile(rf"^({'|'.join(_SECTIONS)}):$", re.MULTILINE)
_ENTRY = re.compile(r"^(\*{0,2}\w+): (.+(?:\n +.+)*)", re.MULTILINE)
_SHOWN_DECORATORS = ("asynccontextmanager", "contextmanager", "property", "classmethod")

Function = ast.FunctionDef | ast.AsyncFunctionDef
Node = ast.ClassDef | Function | ast.Assign | ast.AnnAssign


def written() -> str:
    """Return the page."""
    lines = [_HEAD, *(f"- [`{name}`](#{_anchor(name)})" for name in PACKAGES), ""]
    return "\n".join([*lines, *chain.from_iterable(map(_package, PACKAGES))])


def _anchor(heading: str) -> str:
    return heading.replace(".", "").lower()


def _package(name: str) -> Iterator[str]:
    yield f"## {name}\n"
    yield _prose(_summary(ast.get_docstring(_tree(name)) or "")) + "\n"
    for public in sorted(_exported(name), key=str.lower):
        if public.startswith("__"):
            continue
        node, tree = _located(name, public)
        yield f"### {public}\n"
        yield from _entry(public, node, tree)


def _summary(text: str) -> str:
    return text.partition("\n")[0]


@cache
def _tree(module: str) -> ast.Module:
    path = ROOT.joinpath(*module.split("."))
    file = path / "__init__.py" if path.is_dir() else path.with_suffix(".py")
    return ast.parse(file.read_text(encoding="utf-8"))


def _exported(module: str) -> list[str]:
    for node in _tree(module).body:
        if isinstance(node, ast.Assign) and "__all__" in map(ast.unparse, node.targets):
            names: list[str] = ast.literal_eval(node.value)
            return names
    raise LookupError(module)


def _located(module: str, name: str) -> tuple[Node, str]:
    """Return the definition of a name, and the module that has it."""
    for node in ast.walk(_tree(module)):
        match node:
            case ast.ImportFrom(module=str(source)):
                for alias in node.names:
                    if (alias.asname or alias.name) == name:
                        return _located(source, alias.name)
    for statement in _tree(module).body:
        match statement:
            case ast.ClassDef() | ast.FunctionDef() | ast.AsyncFunctionDef():
                if statement.name == name and not _is_overload(statement):
                    return statement, module
            case (
                ast.Assign(targets=[ast.Name(id=found)]) | ast.AnnAssign(target=ast.Name(id=found))
            ) if found == name:
                return statement, module
    raise LookupError(f"{module}.{name}")


def _is_overload(node: ast.ClassDef | Function) -> bool:
    return "overload" in map(ast.unparse, node.decorator_list)


def _entry(name: str, node: Node, module: str) -> Iterator[str]:
    if isinstance(node, ast.ClassDef):
        yield _code(_class_lines(node))
        yield _documented(node)
        for method in _methods(node):
            yield f"#### {name}.{method.name}\n"
            yield _code(_signature(method))
            yield _documented(method)
    elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
        yield _code(_signature(node))
        yield _documented(node)
    else:
        yield _code([ast.unparse(node)])
        yield f"Defined in `{module}`.\n"


def _class_lines(node: ast.ClassDef) -> list[str]:
    bases = ", ".join(map(ast.unparse, node.bases))
    fields = [
        f"    {line}"
        for statement in node.body
        if (line := _field(statement, is_enum="Enum" in bases)) is not None
    ]
    return [f"class {node.name}({bases})" if bases else f"class {node.name}", *fields]


def _field(node: ast.stmt, *, is_enum: bool) -> str | None:
    """Return a public field as a line; None for anything else."""
    match node:
        case ast.AnnAssign(target=ast.Name(id=name)) if not name.startswith("_"):
            default = "" if node.value is None else _default(node.value)
            return f"{name}: {ast.unparse(node.annotation)}{default}"
        case ast.Assign(targets=[ast.Name()]) if is_enum:
            return ast.unparse(node)
        case _:
            return None


def _default(value: ast.expr) -> str:
    """Return a default as it is shown: one that is made is an ellipsis."""
    if not isinstance(value, ast.Call):
        return f" = {ast.unparse(value)}"
    called = ast.unparse(value.func)
    if called == "Factory":
        return " = …"
    if called in ("field", "setting") or called.startswith("_"):
        given = {word.arg: word.value for word in value.keywords}
        if "factory" in given:
            return " = …"
        return f" = {ast.unparse(given['default'])}" if "default" in given else ""
    return f" = {ast.unparse(value)}"


def _methods(node: ast.ClassDef) -> Iterator[Function]:
    for statement in node.body:
        if isinstance(statement, ast.FunctionDef | ast.AsyncFunctionDef):
            decorators = [ast.unparse(each) for each in statement.decorator_list]
            hidden = any(
                each == "overload" or each.endswith((".setter", ".validator"))
                for each in decorators
            )
            if not statement.name.startswith("_") and not hidden:
                yield statement


def _signature(node: Function) -> list[str]:
    decorators = [ast.unparse(each) for each in node.decorator_list]
    shown = [f"@{each}" for each in decorators if each in _SHOWN_DECORATORS]
    word = "async def" if isinstance(node, ast.AsyncFunctionDef) else "def"
    returns = "" if node.returns is None else f" -> {ast.unparse(node.returns)}"
    parts = _arguments(node.args)
    line = f"{word} {node.name}({', '.join(parts)}){returns}"
    if len(line) > _WIDTH:
        line = "\n".join(
            [f"{word} {node.name}(", *(f"    {part}," for part in parts), f"){returns}"]
        )
    return [*shown, line]


def _arguments(arguments: ast.arguments) -> list[str]:
    """Return the arguments one by one, as `ast.unparse` writes them."""
    given = [*arguments.posonlyargs, *arguments.args]
    defaults = [None] * (len(given) - len(arguments.defaults)) + list(arguments.defaults)
    parts = list(map(_argument, given, defaults))
    if arguments.vararg is not None:
        parts.append(f"*{ast.unparse(arguments.vararg)}")
    elif arguments.kwonlyargs:
        parts.append("*")
    parts += map(_argument, arguments.kwonlyargs, arguments.kw_defaults)
    if arguments.kwarg is not None:
        parts.append(f"**{ast.unparse(arguments.kwarg)}")
    return parts


def _argument(argument: ast.arg, default: ast.expr | None) -> str:
    if default is None:
        return ast.unparse(argument)
    sign = "=" if argument.annotation is None else " = "
    return f"{ast.unparse(argument)}{sign}{ast.unparse(default)}"


def _code(lines: list[str]) -> str:
    return "\n".join(["```python", *lines, "```", ""])


def _documented(node: ast.ClassDef | Function) -> str:
    """Return a docstring as Markdown: its sections as lists."""
    text, *sections = _SECTION.split(ast.get_docstring(node) or "")
    parts = [_prose(text)]
    for heading, body in zip(sections[::2], sections[1::2], strict=True):
        inside, rest = _indented(body)
        entries = _ENTRY.findall(inside)
        if heading in ("Returns", "Yields") or not entries:
            parts.append(_prose(f"{heading}: {inside}"))
        else:
            listed = (_item(f"`{name}`: {words}") for name, words in entries)
            parts.append("\n".join([f"{heading}:", "", *listed]))
        parts.append(_prose(rest))
    return "\n\n".join(part for part in parts if part) + "\n"


def _indented(body: str) -> tuple[str, str]:
    """Divide what follows a heading into the section and the prose after it."""
    lines = body.strip("\n").splitlines()
    stop = next((i for i, line in enumerate(lines) if line and line[0] != " "), len(lines))
    return textwrap.dedent("\n".join(lines[:stop])).strip(), "\n".join(lines[stop:])


def _prose(text: str) -> str:
    """Return paragraphs, each wrapped; indented ones are code and stay as they are."""
    paragraphs = (part.strip("\n") for part in re.split(r"\n\s*\n", text.strip()) if part)
    return "\n\n".join(
        part if part.startswith("    ") else textwrap.fill(" ".join(part.split()), _WIDTH)
        for part in paragraphs
    )


def _item(text: str) -> str:
    return textwrap.fill(
        " ".join(text.split()), _WIDTH, initial_indent="- ", subsequent_indent="  "
    )
