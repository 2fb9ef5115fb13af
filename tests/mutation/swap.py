"""Give the functions of an imported module the code of a changed text, without importing anything again.

A change inside a function is all in its code object. So a process that has imported a module, and collected its tests,
can fork and try a change at once. Not every change can be seen so: what runs when the module is imported, such as a
constant, a default or a decorator, has run. ``exchange`` says no to these; a table that a function filled at import
is beyond it, so that a change which no test notices has to be tried once more with a new import.
"""

import gc
import types

OF_A_FUNCTION = 0x2  # CO_NEWLOCALS: not a module's or a class's


def compiled(text, path):
    """Return the code objects of a text, in its order."""
    return list(codes(compile(text, path, "exec")))


def codes(code):
    """Yield a code object and all inside it, in the order of the text."""
    yield code
    for constant in code.co_consts:
        if isinstance(constant, types.CodeType):
            yield from codes(constant)


def beside(code):
    """What a code object does by itself, without the functions and classes that it makes."""
    plain = [constant for constant in code.co_consts if not isinstance(constant, types.CodeType)]
    return code.co_code, code.co_names, repr(plain)


def functions_of(name):
    """Return the functions of a module, and of its classes and closures."""
    return [thing for thing in gc.get_objects() if type(thing) is types.FunctionType and thing.__module__ == name]


def exchange(functions, old, new):
    """Give functions made from one text the code of the other; return whether that is all that has changed."""
    if [code.co_qualname for code in old] != [code.co_qualname for code in new]:
        return False
    pairs = list(zip(old, new, strict=True))
    if any(beside(a) != beside(b) for a, b in pairs if not a.co_flags & OF_A_FUNCTION):
        return False
    changed = {a: b for a, b in pairs if a != b}
    if any(a.co_freevars != b.co_freevars for a, b in changed.items()):
        return False
    for function in functions:
        function.__code__ = changed.get(function.__code__, function.__code__)
    return True
