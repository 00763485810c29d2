"""A log that grows and is rotated step by step, as logrotate(8) and gzip(1) do it."""

import gzip
import os


class GrowingLog:
    """Writes to PATH. `whole` is the path of a file that has all of it, never rotated."""

    def __init__(self, path, whole, dates, rng):
        self.path = path
        self.whole = open(whole, "a", encoding="utf-8", newline="\n")
        self.dates = dates
        self.rng = rng
        self.rotated = []  # Youngest first.
        self.rotations = 0
        self.compressing = None
        self.half = ""
        self.file = None
        self.renamed = False
        self.open()

    def open(self):
        if self.file:
            self.file.close()
        self.file = open(self.path, "a", encoding="utf-8", newline="\n")
        self.renamed = False

    def write(self, text):
        """TEXT is whole lines; the last one may reach the file in two halves."""
        self.whole.write(text)
        text = self.half + text
        cut = len(text)
        if self.rng.random() < 0.3:
            cut -= self.rng.randint(1, 60)
        self.file.write(text[:cut])
        self.file.flush()
        self.half = text[cut:]

    def finish_line(self):
        self.file.write(self.half)
        self.file.flush()
        self.half = ""

    def step(self):
        """One step of housekeeping; each is visible to a reader before the next."""
        if self.renamed:
            self.finish_line()
            self.open()
        elif self.compressing:
            self.end_compression()
        elif self.rotated and self.rng.random() < 0.5:
            self.begin_compression()
        else:
            self.rename()

    def rename(self):
        self.rotations += 1
        if self.dates:
            name = f"{self.path}-2026{self.rotations:04}"
        else:
            for number in range(len(self.rotated), 0, -1):
                old = self.rotated[number - 1]
                new = f"{self.path}.{number + 1}" + (".gz" if old.endswith(".gz") else "")
                os.rename(old, new)
                self.rotated[number - 1] = new
            name = f"{self.path}.1"
        os.rename(self.path, name)
        self.rotated.insert(0, name)
        self.renamed = True
        if self.rng.random() < 0.5:  # logrotate's `create`.
            open(self.path, "a", encoding="utf-8").close()

    def begin_compression(self):
        plain = [name for name in self.rotated if not name.endswith(".gz")]
        if not plain:
            return
        name = self.rng.choice(plain)
        with open(name, "rb") as source:
            data = gzip.compress(source.read(), 1, mtime=0)
        half = len(data) // 2
        with open(name + ".gz", "wb") as target:
            target.write(data[:half])
        self.compressing = (name, data[half:])

    def end_compression(self):
        name, rest = self.compressing
        with open(name + ".gz", "ab") as target:
            target.write(rest)
        times = os.stat(name)
        os.utime(name + ".gz", ns=(times.st_atime_ns, times.st_mtime_ns))
        os.remove(name)
        self.rotated[self.rotated.index(name)] = name + ".gz"
        self.compressing = None

    def end(self):
        """Everything is written, and nothing is left half done."""
        if self.compressing:
            self.end_compression()
        self.finish_line()
        if self.renamed:
            self.open()
        self.file.close()
        self.whole.close()
