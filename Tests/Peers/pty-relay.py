#!/usr/bin/env python3
"""pty-relay.py FIFO COMMAND...: runs a command in a terminal of its own, between it and the terminal around it; what is
written to FIFO is typed. The size is handed on, in cells and pixels, as the terminal around it has it."""
import fcntl
import os
import pty
import select
import signal
import sys
import termios
import tty


def main():
    fifo, command = sys.argv[1], sys.argv[2:]
    child, master = pty.fork()
    if child == 0:
        os.execvp(command[0], command)

    def resize(*_):
        size = fcntl.ioctl(0, termios.TIOCGWINSZ, b"\0" * 8)
        fcntl.ioctl(master, termios.TIOCSWINSZ, size)

    resize()
    signal.signal(signal.SIGWINCH, resize)
    tty.setraw(0)
    # Both ends, so that it does not end with a writer.
    typed = os.open(fifo, os.O_RDWR)
    while True:
        try:
            ready, _, _ = select.select([0, master, typed], [], [])
        except InterruptedError:
            continue
        for descriptor in ready:
            try:
                data = os.read(descriptor, 65536)
            except OSError:
                data = b""
            if not data:
                os.close(master)
                return
            target = 1 if descriptor == master else master
            while data:
                data = data[os.write(target, data):]


if __name__ == "__main__":
    main()
