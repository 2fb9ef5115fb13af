"""The vectors of every operation, into a folder: ``python tests/proof/every_vector.py FOLDER``.

Two folders that two machines, two builds of BLAS or two numbers of threads have made are the same to the byte.
"""

import sys
from pathlib import Path

from refcompress.verify.operations import OPERATIONS
from refcompress.verify.vector_files import write_vectors


def main():
    folder = Path(sys.argv[1])
    folder.mkdir(exist_ok=True)
    for name, operation in OPERATIONS.items():
        for number, settings in enumerate(({}, *operation.typical[1:2])):
            write_vectors(folder / f"{name}-{number}.jsonl", operation, {**operation.defaults, **settings})


if __name__ == "__main__":
    main()
