"""Processes forked to try one change each, in which a module has another text."""

import importlib.abc
import importlib.util
import multiprocessing
import os
import resource
import signal
import sys

FORK = multiprocessing.get_context("fork")
MEMORY = 6 << 30  # a changed size may ask for more than the machine has


class Changed(importlib.abc.MetaPathFinder, importlib.abc.InspectLoader):
    """Finds one module, and gives it another text."""

    def __init__(self, name, path, text):
        self.name, self.path, self.text = name, path, text

    def find_spec(self, fullname, path, target=None):
        if fullname != self.name:
            return None
        return importlib.util.spec_from_loader(fullname, self, origin=str(self.path))

    def get_source(self, fullname):
        return self.text

    def exec_module(self, module):
        module.__file__ = str(self.path)
        exec(compile(self.text, str(self.path), "exec"), module.__dict__)


def alone():
    """Prepare a forked process: a group of its own, little memory, no output, and no plugins, which take seconds."""
    os.setpgid(0, 0)
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    quiet = os.open(os.devnull, os.O_WRONLY)
    os.dup2(quiet, 1)
    os.dup2(quiet, 2)
    os.environ["PYTEST_DISABLE_PLUGIN_AUTOLOAD"] = "1"
    sys.dont_write_bytecode = False  # the modules that were not changed are compiled once, not for every change


def served(target, *args):
    """Start a process that is asked on a pipe; return this end of the pipe, and the process."""
    here, there = FORK.Pipe()
    process = FORK.Process(target=serve, args=(here, there, target, *args))
    process.start()
    there.close()
    return here, process


def serve(here, there, target, *args):
    """Leave the other end to the process that started this one, and run."""
    alone()
    here.close()
    target(there, *args)


def within(target, args, timeout):
    """Return what a forked process sends: how its tests end (0: all pass), which failed, and the seconds of each."""
    receiver, sender = FORK.Pipe(duplex=False)
    process = FORK.Process(target=target, args=(sender, *args))
    process.start()
    sender.close()
    ended = receiver.poll(timeout)
    try:
        result = receiver.recv() if ended else (1, "(takes too long)", {})
    except EOFError:
        result = 1, "(ends the process)", {}
    if process.is_alive() and not ended:
        os.killpg(process.pid, signal.SIGKILL)
    process.join()
    return result
