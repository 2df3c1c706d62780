# SPDX-License-Identifier: GPL-2.0-only
"""The cache under real damage: changed, missing, foreign and half files."""

import json
import os
import subprocess
import sys
import tempfile
import threading
import time
import unittest
from pathlib import Path
from unittest import mock

from .. import cache as cache_module
from .. import paths
from ..cache import MANIFEST, Cache, hash_file, key_of
from ..ui import LabError


class CacheTest(unittest.TestCase):
    def setUp(self):
        self.directory = tempfile.TemporaryDirectory()
        self.addCleanup(self.directory.cleanup)
        self.cache = Cache(Path(self.directory.name) / "cache")
        self.builds = 0
        self.said: list[str] = []
        patch = mock.patch.object(cache_module, "say", self.said.append)
        patch.start()
        self.addCleanup(patch.stop)

    def get(self, inputs=None, text="content"):
        def build(directory):
            self.builds += 1
            (directory / "sub").mkdir()
            (directory / "out").write_text(text)
            (directory / "sub/inner").write_text("inner")
        return self.cache.get("thing", inputs or {"a": "1"}, build)

    def assert_rebuilt(self, what):
        entry = self.get()
        self.assertEqual(self.builds, 2)
        self.assertEqual((entry / "out").read_text(), "content")
        self.assertTrue(any(what in line for line in self.said), self.said)
        self.get()
        self.assertEqual(self.builds, 2, "the new entry is whole")

    def test_used_again(self):
        first = self.get()
        self.assertEqual(self.get(), first)
        self.assertEqual(self.builds, 1)
        self.assertEqual(self.said, [])

    def test_changed_byte(self):
        path = self.get() / "out"
        before = path.stat()
        path.write_text("c0ntent")
        os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
        self.assert_rebuilt("out has changed")

    def test_truncated(self):
        os.truncate(self.get() / "sub/inner", 2)
        self.assert_rebuilt("sub/inner has changed")

    def test_missing_file(self):
        (self.get() / "sub/inner").unlink()
        self.assert_rebuilt("sub/inner is missing")

    def test_extra_file(self):
        (self.get() / "stray").write_text("?")
        self.assert_rebuilt("stray does not belong there")

    def test_no_manifest(self):
        (self.get() / MANIFEST).unlink()
        self.assert_rebuilt("manifest cannot be used")

    def test_half_manifest(self):
        path = self.get() / MANIFEST
        os.truncate(path, path.stat().st_size // 2)
        self.assert_rebuilt("manifest cannot be used")

    def test_foreign_manifest(self):
        path = self.get() / MANIFEST
        manifest = json.loads(path.read_text())
        manifest["inputs"]["a"] = "2"
        path.write_text(json.dumps(manifest))
        self.assert_rebuilt("made from other inputs")

    def test_changed_input_is_named(self):
        first = self.get({"file x.c": "1", "compiler": "12"})
        second = self.get({"file x.c": "2", "compiler": "12"})
        self.assertNotEqual(first, second)
        self.assertEqual(self.builds, 2)
        self.assertEqual(self.said, ["cache: thing is out of date: file x.c"])

    def test_failed_build_leaves_nothing(self):
        def build(directory):
            (directory / "out").write_text("half")
            raise LabError("no")
        with self.assertRaises(LabError):
            self.cache.get("thing", {"a": "1"}, build)
        self.assertFalse((self.cache.root / "thing" / key_of({"a": "1"}))
                         .exists())
        self.assertEqual(list((self.cache.root / "tmp").iterdir()), [])
        self.get()
        self.assertEqual(self.builds, 1)

    def test_empty_build_is_refused(self):
        with self.assertRaises(LabError):
            self.cache.get("thing", {"a": "1"}, lambda directory: None)

    def test_input_changed_while_building(self):
        inputs = {"a": "0"}

        def build(directory):
            (directory / "out").write_text(f"of {inputs['a']} or the next?")
            if int(inputs["a"]) < limit:
                inputs["a"] = str(int(inputs["a"]) + 1)
        limit = 1
        entry = self.cache.get("thing", lambda: dict(inputs), build)
        self.assertEqual((entry / "out").read_text(), "of 1 or the next?")
        self.assertEqual(len(list((self.cache.root / "thing").glob("*/"))), 1)
        limit = 100
        inputs["a"] = "2"
        with self.assertRaises(LabError):
            self.cache.get("thing", lambda: dict(inputs), build)

    def test_two_at_once_build_once(self):
        inside, together = [], []

        def build(directory):
            inside.append(1)
            together.append(len(inside))
            time.sleep(0.3)
            (directory / "out").write_text("x")
            inside.pop()

        def run():
            Cache(self.cache.root).get("thing", {"a": "1"}, build)

        threads = [threading.Thread(target=run) for _ in range(3)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.assertEqual(together, [1])

    def test_killed_build_is_made_anew(self):
        """A build that dies leaves no entry and no lock behind."""
        program = (
            "import os, pathlib, sys; from lab.cache import Cache\n"
            "def build(d):\n"
            "    (d / 'out').write_text('half'); os.kill(os.getpid(), 9)\n"
            "cache = Cache(pathlib.Path(sys.argv[1]))\n"
            "cache.get('thing', {'a': '1'}, build)\n")
        done = subprocess.run(
            [sys.executable, "-c", program, str(self.cache.root)],
            env=dict(os.environ, PYTHONPATH=str(paths.TESTING)))
        self.assertEqual(done.returncode, -9)
        self.assertEqual((self.get() / "out").read_text(), "content")

    def test_hash_file(self):
        path = Path(self.directory.name) / "f"
        path.write_bytes(b"abc")
        self.assertEqual(hash_file(path)[:16], "ba7816bf8f01cfea")
