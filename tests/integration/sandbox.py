#!/usr/bin/python3
"""Runs a program as systemd would with the [Service] of a unit: what of it is the kernel's, done with
the kernel alone. As root; the program then has the user nobody.

Usage: sandbox.py UNIT FOLDER PROGRAM [ARGUMENT...]
FOLDER/run and FOLDER/state are what the program may write, and FOLDER/tmp is its /tmp.

Done: SystemCallFilter, SystemCallErrorNumber, RestrictAddressFamilies, RestrictNamespaces,
MemoryDenyWriteExecute, NoNewPrivileges, CapabilityBoundingSet (empty), UMask, ProtectSystem=strict,
ProtectHome, PrivateTmp, PrivateDevices, ProtectProc, ProcSubset. Not done: limits of cgroups, and what
keeps one out of a kernel's settings that a user without rights can't change anyway.
"""

import ctypes
import errno
import os
import pwd
import signal
import subprocess
import sys

CLONE_NEWNS = 0x20000
CLONE_NEW_ANY = 0x7E020080  # all kinds of namespaces
PR_SET_PDEATHSIG, PR_CAPBSET_DROP, PR_SET_NO_NEW_PRIVS, PR_SET_MDWE = 1, 24, 38, 65
ALLOW, FAIL = 0x7FFF0000, 0x00050000
EQUAL, MASKED_EQUAL = 4, 7
FAMILIES = {"AF_UNIX": 1, "AF_INET": 2, "AF_INET6": 10}

libc = ctypes.CDLL(None, use_errno=True)


class Comparison(ctypes.Structure):
    _fields_ = [("arg", ctypes.c_uint), ("op", ctypes.c_int), ("a", ctypes.c_uint64), ("b", ctypes.c_uint64)]


def settings(unit):
    """[(key, value)] in the order of the file."""
    with open(unit, encoding="utf-8") as lines:
        return [tuple(line.strip().split("=", 1)) for line in lines if "=" in line and line[0] not in "#[;"]


def value(pairs, key):
    return [found for name, found in pairs if name == key][-1]


def expanded(name):
    """The system calls of a set of systemd's; a name alone is itself."""
    if not name.startswith("@"):
        return {name}
    shown = subprocess.run(["systemd-analyze", "syscall-filter", name], capture_output=True, text=True, check=True)
    calls = set()
    for line in shown.stdout.splitlines()[1:]:
        each = line.strip()
        if each and not each.startswith("#"):
            calls |= expanded(each)
    return calls


def filtered(pairs):
    """What SystemCallFilter leaves: the lines one after the other."""
    calls = set()
    for name, words in pairs:
        if name == "SystemCallFilter":
            each = set().union(*(expanded(word) for word in words.lstrip("~").split()))
            calls = calls - each if words.startswith("~") else calls | each
    return calls


class Filter:
    def __init__(self, error):
        self.lib = ctypes.CDLL("libseccomp.so.2")
        self.lib.seccomp_init.restype = ctypes.c_void_p
        self.context = ctypes.c_void_p(self.lib.seccomp_init(ctypes.c_uint32(FAIL | error)))

    def rule(self, action, call, *comparisons):
        number = self.lib.seccomp_syscall_resolve_name(call.encode())
        if number < 0:
            return  # of another architecture
        array = (Comparison * len(comparisons))(*comparisons)
        result = self.lib.seccomp_rule_add_array(self.context, ctypes.c_uint32(action), number, len(comparisons), array)
        if result:
            raise OSError(-result, "seccomp: " + call)

    def load(self):
        if self.lib.seccomp_load(self.context):
            raise OSError("seccomp_load")


def filter_calls(pairs):
    calls = filtered(pairs)
    rules = Filter(getattr(errno, value(pairs, "SystemCallErrorNumber")))
    for call in sorted(calls - {"socket", "clone", "clone3"}):
        rules.rule(ALLOW, call)
    for family in value(pairs, "RestrictAddressFamilies").split():
        rules.rule(ALLOW, "socket", Comparison(0, EQUAL, FAMILIES[family], 0))
    assert value(pairs, "RestrictNamespaces") == "yes"
    rules.rule(ALLOW, "clone", Comparison(0, MASKED_EQUAL, CLONE_NEW_ANY, 0))
    rules.rule(FAIL | errno.ENOSYS, "clone3")  # its flags can't be seen; the C library then uses clone
    rules.load()


def mount(*arguments):
    subprocess.run(["mount", *arguments], check=True)


def devices(folder):
    """A /dev with what every program may have."""
    old = folder + "/dev"
    os.makedirs(old, exist_ok=True)
    mount("--bind", "/dev", old)
    mount("-t", "tmpfs", "-o", "mode=755,noexec", "tmpfs", "/dev")
    for name in "null", "zero", "full", "random", "urandom":
        with open("/dev/" + name, "w", encoding="ascii"):
            pass
        mount("--bind", old + "/" + name, "/dev/" + name)
    subprocess.run(["umount", old], check=True)


def hide_files(pairs, folder):
    assert value(pairs, "ProtectSystem") == "strict" and value(pairs, "PrivateTmp") == "yes"
    if libc.unshare(CLONE_NEWNS):
        raise OSError(ctypes.get_errno(), "unshare")
    mount("--make-rprivate", "/")
    devices(folder)
    for name in "run", "state":
        mount("--bind", folder + "/" + name, folder + "/" + name)
    mount("--bind", folder + "/tmp", "/tmp")
    for home in "/home", "/root":
        if os.path.isdir(home) and not folder.startswith(home + "/"):
            mount("-t", "tmpfs", "-o", "mode=000,ro", "tmpfs", home)
    mount("-o", "remount,bind,ro", "/")
    mount("-t", "proc", "-o", "subset=pid,hidepid=invisible", "proc", "/proc")


def become_nobody(pairs):
    user = pwd.getpwnam("nobody")
    assert value(pairs, "CapabilityBoundingSet") == ""
    for capability in range(64):
        libc.prctl(PR_CAPBSET_DROP, capability, 0, 0, 0)
    os.umask(int(value(pairs, "UMask"), 8))
    os.setgroups([])
    os.setgid(user.pw_gid)
    os.setuid(user.pw_uid)
    libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)  # another user has lost it
    assert value(pairs, "NoNewPrivileges") == "yes"
    if libc.prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0):
        raise OSError(ctypes.get_errno(), "no_new_privs")


def main(unit, folder, *program):
    pairs = settings(unit)
    hide_files(pairs, folder)
    become_nobody(pairs)
    os.environ.update(STATE_DIRECTORY=folder + "/state", TMPDIR="/tmp")
    os.chdir(folder + "/state")
    filter_calls(pairs)
    if value(pairs, "MemoryDenyWriteExecute") == "yes":
        libc.prctl(PR_SET_MDWE, 1, 0, 0, 0)  # kernels before 6.3 have it not
    os.execv(program[0], program)


if __name__ == "__main__":
    main(*sys.argv[1:])
