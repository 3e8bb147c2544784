"""lime_slicer: gives each device only its own part of an encrypted message, as servers on liblinphone 5.2 or newer do.

liblinphone 5.1, of which focus.cpp is made, sends every device the parts of all. This relay stands between the focus
and the proxy: of the application/lime parts in a MESSAGE with multipart/encrypted from the focus it keeps the one whose
Content-Id is the request URI, and it deflates the body. A message without a part for the device goes nowhere; the focus
is told 200. Everything else passes as it came, and so does everything from the proxy to the focus.
"""
import re
import socket
import threading
import zlib

CHUNK = 65536


def header(head, name):
    found = re.search(rb"(?im)^" + name + rb"[ \t]*:[ \t]*(.*?)\r?$", head)
    return found[1] if found else None


def without_header(head, name):
    return re.sub(rb"(?im)^" + name + rb"[ \t]*:.*\r\n", b"", head)


def own_part_only(body, boundary, device):
    """The body with the one application/lime part of `device`, or None if there is none."""
    kept, found = [], False
    for part in body.split(b"--" + boundary)[1:-1]:
        if header(part, rb"Content-Type") == b"application/lime":
            if header(part, rb"Content-Id") != device:
                continue
            found = True
        kept.append(part)
    return b"".join(b"--" + boundary + part for part in kept) + b"--" + boundary + b"--\r\n" if found else None


def sliced(head, body):
    """A request as (head, body) for its one recipient; None if nothing in it is for that recipient."""
    start = head.split(b"\r\n", 1)[0].split(b" ")
    content_type = header(head, rb"Content-Type") or b""
    boundary = re.search(rb'(?i)boundary="?([^";]+)', content_type)
    if start[0] != b"MESSAGE" or not content_type.lower().startswith(b"multipart/encrypted") or not boundary:
        return head, body
    if (header(head, rb"Content-Encoding") or b"").lower() == b"deflate":
        body = zlib.decompress(body)
    body = own_part_only(body, boundary[1], start[1])
    if body is None:
        return None
    body = zlib.compress(body)
    head = without_header(without_header(head, rb"Content-Length"), rb"Content-Encoding")
    return head + b"Content-Encoding: deflate\r\nContent-Length: %d\r\n" % len(body), body


def ok_response(head):
    lines = [b"SIP/2.0 200 OK"]
    for line in head.split(b"\r\n"):
        if line.split(b":")[0].strip().lower() in (b"via", b"from", b"call-id", b"cseq"):
            lines.append(line)
        elif line.lower().startswith(b"to:"):
            lines.append(line + (b"" if b";tag=" in line else b";tag=slicer"))
    return b"\r\n".join(lines + [b"Content-Length: 0", b"", b""])


class LimeSlicer:
    """Listens on `port` (any free one) until the process ends; each connection opens one to the proxy."""

    def __init__(self, proxy_port):
        self.proxy_port = proxy_port
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        while True:
            focus, _ = self.listener.accept()
            try:
                proxy = socket.create_connection(("127.0.0.1", self.proxy_port))
            except OSError:
                focus.close()
                continue
            answering = threading.Lock()
            threading.Thread(target=self.to_proxy, args=(focus, proxy, answering), daemon=True).start()
            threading.Thread(target=self.to_focus, args=(proxy, focus, answering), daemon=True).start()

    def to_focus(self, proxy, focus, answering):
        # Whole messages, so that an answer of our own never falls into the middle of one.
        for head, body in messages(proxy):
            with answering:
                focus.sendall(head + b"\r\n" + body)
        focus.close()

    def to_proxy(self, focus, proxy, answering):
        for head, body in messages(focus):
            result = sliced(head, body)
            if result is None:
                with answering:
                    focus.sendall(ok_response(head))
            else:
                proxy.sendall(result[0] + b"\r\n" + result[1])
        proxy.close()


def messages(connection):
    """Each message as (start line and headers with their CRLFs, body); keep-alives between them are left out."""
    buffer = b""
    while True:
        buffer = buffer.lstrip(b"\r\n")
        end = buffer.find(b"\r\n\r\n")
        if end >= 0:
            head = buffer[:end + 2]
            size = end + 4 + int(header(head, rb"Content-Length") or 0)
            if len(buffer) >= size:
                yield head, buffer[end + 4:size]
                buffer = buffer[size:]
                continue
        try:
            chunk = connection.recv(CHUNK)
        except OSError:
            return
        if not chunk:
            return
        buffer += chunk
