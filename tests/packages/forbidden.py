"""Tries what toni.service forbids, as the service: in the place of toni. Ends with 0 if nothing of it can be done."""

import ctypes
import errno
import mmap
import os
import socket

libc = ctypes.CDLL(None, use_errno=True)
CLONE_NEWNS, CLONE_NEWUSER, CLONE_NEWNET = 0x20000, 0x10000000, 0x40000000
PTRACE_ATTACH, CLOCK_REALTIME = 16, 0


def fails(what, *wanted):
    try:
        what()
    except OSError as error:
        assert error.errno in wanted, error
    else:
        raise SystemExit("can be done: %s" % what)


def call(function, *arguments):
    if function(*arguments) == -1:
        raise OSError(ctypes.get_errno(), function.__name__)


def write(path):
    with open(path, "w", encoding="ascii"):
        os.unlink(path)


DENIED = errno.EACCES, errno.EPERM
READ_ONLY = errno.EROFS, errno.EACCES

# The file system
for folder in "/etc", "/usr", "/etc/toni", "/var", "/var/lib", "/run", "/srv", "/root":
    fails(lambda path=folder + "/toni-was-here": write(path), *READ_ONLY)
fails(lambda: os.listdir("/root"), *DENIED)
for folder in "/var/lib/toni", "/run/toni", "/tmp":
    write(folder + "/written")
assert os.getcwd() == os.environ["STATE_DIRECTORY"] == "/var/lib/toni"
assert os.listdir("/tmp") == [], "not a /tmp of its own"
with open("/tmp/mode", "w", encoding="ascii") as made:
    assert os.stat(made.fileno()).st_mode & 0o77 == 0, "UMask"
fails(lambda: os.chmod("/tmp/mode", 0o4700), *DENIED)
os.unlink("/tmp/mode")

# Devices, the kernel, other processes
for device in "kmsg", "mem", "port", "fuse":
    assert not os.path.exists("/dev/" + device), device
assert not os.path.exists("/proc/sys") and not os.path.exists("/proc/kcore")
assert sorted(name for name in os.listdir("/proc") if name.isdigit()) == [str(os.getpid())], "sees other processes"
for path in "/sys/fs/cgroup/toni", "/sys/kernel/toni":
    fails(lambda path=path: os.mkdir(path), errno.EROFS, errno.EACCES, errno.EPERM)
fails(lambda: os.kill(1, 0), errno.EPERM)

# System calls
fails(lambda: socket.socket(socket.AF_NETLINK, socket.SOCK_RAW), *DENIED, errno.EAFNOSUPPORT)
fails(lambda: socket.socket(socket.AF_PACKET, socket.SOCK_RAW), *DENIED, errno.EAFNOSUPPORT)
fails(lambda: socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_ICMP), *DENIED)
fails(lambda: os.setuid(0), errno.EPERM)
for kind in CLONE_NEWNS, CLONE_NEWUSER, CLONE_NEWNET:
    fails(lambda kind=kind: call(libc.unshare, kind), errno.EPERM)
fails(lambda: call(libc.mount, b"none", b"/tmp", b"tmpfs", 0, None), errno.EPERM)
fails(lambda: call(libc.ptrace, PTRACE_ATTACH, os.getppid(), None, None), errno.EPERM, errno.ESRCH)
fails(lambda: os.chroot("/tmp"), errno.EPERM)
fails(lambda: call(libc.sethostname, b"other", 5), errno.EPERM)
fails(lambda: call(libc.reboot, 0), errno.EPERM)
fails(lambda: os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(1)), errno.EPERM)
fails(lambda: call(libc.personality, 0x40000), errno.EPERM)
fails(lambda: mmap.mmap(-1, 4096, prot=mmap.PROT_READ | mmap.PROT_WRITE | mmap.PROT_EXEC), *DENIED)
sock = socket.socket()
fails(lambda: sock.bind(("127.0.0.1", 80)), *DENIED)

print("all is forbidden")
