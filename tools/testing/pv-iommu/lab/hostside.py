# SPDX-License-Identifier: GPL-2.0-only
"""What the host does when dom0 asks: read disk images and Xen's log, be the
other end of the network, plug devices."""

import hashlib
import re
import socket
import threading
import time


class Disks:
    """The images behind the emulated disks, as the host sees them."""

    def __init__(self, images):
        self.images = images

    def digest(self, name, offset, length):
        digest = hashlib.sha256()
        with open(self.images[name], "rb") as file:
            file.seek(offset)
            while length > 0:
                data = file.read(min(length, 1 << 20))
                if not data:
                    return "(the image is too short)"
                digest.update(data)
                length -= len(data)
        return digest.hexdigest()


class Log:
    """A growing log that can be asked what came since a mark."""

    def __init__(self, path, lines=str.splitlines):
        self.path = path
        self.lines = lines
        self.offset = 0

    def mark(self):
        self.offset = self.path.stat().st_size if self.path.exists() else 0

    def matches(self, regex):
        pattern = re.compile(regex)
        if not self.path.exists():
            return []
        with open(self.path, "rb") as file:
            file.seek(self.offset)
            text = file.read().decode(errors="replace")
        return [line for line in self.lines(text) if pattern.search(line)]

    def wait(self, regex, count, seconds):
        """Matches, as soon as there are count of them, or what there is."""
        limit = time.monotonic() + seconds
        while True:
            found = self.matches(regex)
            if len(found) >= count or time.monotonic() > limit:
                return found
            time.sleep(0.1)


def seeded_block(seed, index):
    """64 KiB that only this seed and index give."""
    block = hashlib.shake_256(f"{seed}:{index}".encode())
    return block.digest(1 << 16)


class NetPeer:
    """The other end of dom0's network: a source and a sink of seeded data."""

    LIMIT = 120

    def __init__(self):
        self.sinks = {}
        self.sockets = []

    def _listen(self):
        listener = socket.create_server(("127.0.0.1", 0))
        listener.settimeout(self.LIMIT)
        self.sockets.append(listener)
        return listener

    def _serve(self, work):
        threading.Thread(target=work, daemon=True).start()

    def source(self, size, seed):
        """Send size bytes to who connects; returns the port, their hash."""
        listener = self._listen()
        blocks = [seeded_block(seed, index)
                  for index in range((size + 65535) >> 16)]
        data = b"".join(blocks)[:size]

        def send():
            try:
                connection, _ = listener.accept()
                with connection:
                    connection.settimeout(self.LIMIT)
                    connection.sendall(data)
                    connection.shutdown(socket.SHUT_WR)
                    connection.recv(1)
            except OSError:
                pass

        self._serve(send)
        return listener.getsockname()[1], hashlib.sha256(data).hexdigest()

    def sink(self):
        """Take what who connects sends; returns the port."""
        listener = self._listen()
        port = listener.getsockname()[1]
        done = threading.Event()
        result = {"done": done, "size": 0, "sha": ""}
        self.sinks[port] = result

        def receive():
            digest = hashlib.sha256()
            try:
                connection, _ = listener.accept()
                with connection:
                    connection.settimeout(self.LIMIT)
                    while data := connection.recv(1 << 16):
                        digest.update(data)
                        result["size"] += len(data)
                    result["sha"] = digest.hexdigest()
            except OSError as err:
                result["sha"] = f"({err})"
            done.set()

        self._serve(receive)
        return port

    def received(self, port):
        """(size, hash) of what came to a sink."""
        result = self.sinks[port]
        result["done"].wait(self.LIMIT)
        return result["size"], result["sha"]

    def close(self):
        for listener in self.sockets:
            listener.close()
