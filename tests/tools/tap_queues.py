#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""tap_queues.py NAME FIFO: a TAP device whose receive queues come and go, driven by lines from a FIFO.

queues N                     the device has N queues from now on
send QUEUE ARGUMENT...       frames arrive on that queue; the arguments are those of esp_send.py behind IFACE
Prints "worked-off" for each line that it has worked off.
"""
import fcntl
import os
import struct
import sys

from esp_send import frames

TUNSETIFF = 0x400454CA
IFF_TAP, IFF_NO_PI, IFF_MULTI_QUEUE = 2, 0x1000, 0x100


def open_queue(name):
    queue = os.open("/dev/net/tun", os.O_RDWR | os.O_NONBLOCK)
    fcntl.ioctl(queue, TUNSETIFF, struct.pack("16sH22x", name, IFF_TAP | IFF_NO_PI | IFF_MULTI_QUEUE))
    return queue


def main():
    name, queues = sys.argv[1].encode(), []
    with os.fdopen(os.open(sys.argv[2], os.O_RDWR)) as fifo:  # for writing, too: no end of file
        for line in iter(fifo.readline, ""):
            word, *arguments = line.split()
            if word == "queues":
                while len(queues) < int(arguments[0]):
                    queues.append(open_queue(name))
                while len(queues) > int(arguments[0]):
                    os.close(queues.pop())
            else:
                for frame in frames(*arguments[1:]):
                    os.write(queues[int(arguments[0])], frame)
            print("worked-off", flush=True)


if __name__ == "__main__":
    main()
