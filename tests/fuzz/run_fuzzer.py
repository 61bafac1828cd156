#!/usr/bin/python3
# SPDX-License-Identifier: MIT
# Prepares a fuzzer's corpus and runs it: as a replay, or with libFuzzer for some time.
"""Usage: run_fuzzer.py PROGRAM [--maker SCRIPT] [--seeds FOLDER]... [--seconds N [options]]

Without --seconds PROGRAM is a replay_NAME: it gets the folder with the first inputs.
With it PROGRAM is a libFuzzer program; an input that breaks it stays in --findings.
"""

import argparse
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path


def parse_arguments():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("program", type=Path)
    parser.add_argument("--maker", type=Path, help="script that writes the first inputs")
    parser.add_argument("--seeds", type=Path, action="append", default=[],
                        help="folder with inputs; may be given several times")
    parser.add_argument("--seconds", type=int, help="fuzz for this long")
    parser.add_argument("--length", type=int, default=4096, help="longest input, octets")
    parser.add_argument("--dictionary", type=Path)
    parser.add_argument("--corpus", type=Path, help="folder in which new inputs are kept")
    parser.add_argument("--findings", type=Path, default=Path("."),
                        help="folder for inputs that break it (default: .)")
    return parser.parse_args()


def prepare_corpus(folder, maker, seeds):
    """Fills the folder with the first inputs.

    @return how many there are"""
    folder.mkdir()
    if maker:
        subprocess.run([sys.executable, maker, folder], check=True)
    for number, source in enumerate(seeds):
        shutil.copytree(source, folder / f"seeds-{number}")
    return sum(path.is_file() for path in folder.rglob("*"))


def fuzzer_arguments(arguments, work):
    """Of libFuzzer; new inputs go to the first folder that it is given."""
    new_inputs = arguments.corpus or work / "new"
    new_inputs.mkdir(parents=True, exist_ok=True)
    arguments.findings.mkdir(parents=True, exist_ok=True)
    options = [f"-max_total_time={arguments.seconds}", f"-max_len={arguments.length}",
               "-print_final_stats=1", "-timeout=10", f"-artifact_prefix={arguments.findings}/"]
    if arguments.dictionary:
        options.append(f"-dict={arguments.dictionary}")
    return [*options, new_inputs]


def main():
    arguments = parse_arguments()
    with tempfile.TemporaryDirectory(prefix="mmsd-fuzz-") as name:
        work = Path(name)
        first_inputs = work / "first"
        if prepare_corpus(first_inputs, arguments.maker, arguments.seeds) == 0:
            sys.exit("run_fuzzer: the corpus is empty")
        extra = fuzzer_arguments(arguments, work) if arguments.seconds else []
        result = subprocess.run([arguments.program, *extra, first_inputs], check=False)
        sys.exit(result.returncode if result.returncode >= 0 else 128 - result.returncode)


if __name__ == "__main__":
    main()
