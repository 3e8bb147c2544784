#!/usr/bin/env python3
"""socket-lines FOLDER: relays lines between standard input and the Unix socket FOLDER/socket.

Each line that comes is parsed by Python's json and printed as it writes it; "END" is printed when the other end closes.
A line "!close" ends our side of the connection.
"""
import json
import os
import socket
import sys
import threading

# Relative, because a socket's address is short and folders of tests have long names.
os.chdir(sys.argv[1])
connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
connection.connect("socket")
print("CONNECTED", flush=True)


def send():
    for line in sys.stdin:
        if line == "!close\n":
            connection.shutdown(socket.SHUT_WR)
            continue
        try:
            connection.sendall(line.encode())
        except OSError:
            break


threading.Thread(target=send, daemon=True).start()
try:
    for line in connection.makefile("r", encoding="utf-8"):
        print(json.dumps(json.loads(line), ensure_ascii=True, sort_keys=True), flush=True)
except OSError:
    pass
print("END", flush=True)
os._exit(0)
