"""Commands: ``python -m uniseq`` lists them, each with the first line of its docstring."""

import ast
from importlib.util import find_spec
from pathlib import Path

DOORS = ("run", "report", "status", "repeat", "prepare", "figures", "dashboard")


def main() -> None:
    """Print a line a command; none of them is loaded."""
    print("python -m uniseq.COMMAND --help says what each one takes.\n")
    for door in DOORS:
        print(f"  uniseq.{door:10} {_first_line(door)}")


def _first_line(door: str) -> str:
    spec = find_spec(f"uniseq.{door}")
    assert spec is not None and spec.origin is not None
    path = Path(spec.origin)
    file = path.with_name("__main__.py") if path.name == "__init__.py" else path
    text = ast.get_docstring(ast.parse(file.read_text(encoding="utf-8"))) or ""
    return text.partition(": ``")[0].partition("\n")[0].rstrip(".")


if __name__ == "__main__":
    main()
