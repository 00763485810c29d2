#!/usr/bin/env python3
"""Plays stories with the real programs and says where they did not come true.

usage: run_scenario.py --binaries FOLDER [--keep] FILE.scn...

Exit status: 0 all came true, 1 one did not, 2 a file is no story. scenario_file.py tells what may
stand in a story. --keep leaves the folder of a story that failed, and names it.
"""

import argparse
import os
import pathlib
import shutil
import sys
import tempfile

from play import Play
from scenario_file import FormatError, read_story


def own_address(number):
    """A loopback address that no other process and no other story uses."""
    pid = os.getpid()
    return f"127.{128 + (pid >> 14 & 0x3F)}.{pid >> 6 & 0xFF}.{(pid & 0x3F) * 4 + number % 4}"


def play(path, number, options):
    """Whether the story came true."""
    story = read_story(path)
    folder = tempfile.mkdtemp(prefix="tlsrpt-story.")
    complaints = ["it was not played to its end"]
    try:
        complaints = Play(story, options.binaries, folder, own_address(number)).play()
    finally:
        if complaints and options.keep:
            print(f"kept: {folder}", file=sys.stderr)
        else:
            shutil.rmtree(folder)
    print(f"{'FAILED' if complaints else 'ok'}: {pathlib.Path(path).stem}: {story.title}")
    for complaint in complaints:
        print(f"  {complaint}")
    return not complaints


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--binaries", required=True)
    parser.add_argument("--keep", action="store_true")
    parser.add_argument("files", nargs="+")
    options = parser.parse_args()
    came_true = True
    try:
        for number, path in enumerate(options.files):
            came_true = play(path, number, options) and came_true
    except FormatError as error:
        print(error, file=sys.stderr)
        return 2
    return 0 if came_true else 1


if __name__ == "__main__":
    sys.exit(main())
