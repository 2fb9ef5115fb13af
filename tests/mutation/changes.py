"""The small changes of a module: the operators of mutmut 3 over the syntax tree of libcst."""

import ast
import hashlib
import warnings
from dataclasses import dataclass

import libcst as cst
from libcst.metadata import MetadataWrapper, ParentNodeProvider, WhitespaceInclusivePositionProvider
from mutmut.mutation.mutators import mutation_operators, operator_string

FREE = {"len", "isinstance", "cast", "TypeVar"}  # without an argument they raise at once, or do nothing when run
TYPES = ("npt.NDArray", "Callable", "Iterator", "Iterable", "tuple[", "list[", "dict[", "Literal", "np.ndarray[")


@dataclass(frozen=True)
class Change:
    """A changed module, and where it is: the function, the line as it was, and as it is now."""

    text: str
    place: tuple[str, str, str]

    @property
    def digest(self):
        """Name the change shortly."""
        return hashlib.sha256(self.text.encode()).hexdigest()[:16]


def mutants(node, parent):
    """Yield what may stand in the place of a node."""
    if isinstance(parent, cst.If) and node is parent.test:
        yield from (cst.Name("True"), cst.Name("False"))
    if isinstance(node, cst.Call) and isinstance(node.func, cst.Name) and node.func.value in FREE:
        return
    for kind, operator in mutation_operators:
        if isinstance(node, kind) and not (operator is operator_string and is_sentence(node)):
            yield from operator(node)


def is_sentence(node):
    return not isinstance(node, cst.SimpleString) or " " in node.value


def untouched(node, parent):
    """Whether the node says nothing when run: types, imports, and texts for people (they contain a space)."""
    return (
        isinstance(node, (cst.Annotation, cst.Import, cst.ImportFrom))
        or (isinstance(node, cst.Assign) and is_alias(node))
        or (isinstance(node, cst.SimpleStatementLine) and isinstance(parent, cst.Module) and is_docstring(node))
    )


def is_alias(node):
    """``Array = npt.NDArray[Any]`` and the like: a type with a name."""
    text = cst.Module([]).code_for_node(node.value)
    return text == "Any" or (isinstance(node.value, cst.Subscript) and text.startswith(TYPES))


def is_docstring(node):
    return isinstance(node.body[0], cst.Expr) and isinstance(node.body[0].value, cst.SimpleString)


def nodes(wrapper):
    """Yield every node that may change, its parent, and the name of the function around it."""
    parents = wrapper.resolve(ParentNodeProvider)

    def walk(node, inside):
        if untouched(node, parents.get(node)):
            return
        if isinstance(node, (cst.FunctionDef, cst.ClassDef)):
            inside = f"{inside}.{node.name.value}" if inside else node.name.value
        yield node, parents.get(node), inside
        for inner in node.children:
            yield from walk(inner, inside)

    yield from walk(wrapper.module, "")


def changes(source):
    """Yield every change of a module's text that compiles and says something else (1e+30 is 1e30), each once."""
    wrapper = MetadataWrapper(cst.parse_module(source), unsafe_skip_copy=True)
    positions = wrapper.resolve(WhitespaceInclusivePositionProvider)
    lines, seen = source.splitlines(keepends=True), {meaning(source)}
    for node, parent, function in nodes(wrapper):
        for mutant in mutants(node, parent):
            start, end = positions[node].start, positions[node].end
            old = lines[start.line - 1 : end.line]
            tail = old[-1][end.column :] if old else ""
            new = lines[start.line - 1][: start.column] + wrapper.module.code_for_node(mutant) + tail
            text = "".join([*lines[: start.line - 1], new, *lines[end.line :]])
            said = meaning(text)
            if said is None or said in seen:
                continue
            seen.add(said)
            yield Change(text, (function, *differing(old, new.splitlines())))


def meaning(text):
    """Name the syntax tree of a text shortly, or return None if it has none."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # such as "is not" beside a literal
        try:
            tree = ast.parse(text)
            compile(tree, "changed", "exec")
        except SyntaxError:
            return None
    return hashlib.sha256(ast.dump(tree).encode()).digest()


def differing(old, new):
    """Return the lines that differ, each side as one text."""
    old, new = ([line.strip() for line in side] for side in (old, new))
    while old and new and old[0] == new[0]:
        del old[0], new[0]
    while old and new and old[-1] == new[-1]:
        del old[-1], new[-1]
    return " ".join(old), " ".join(new)
