"""Makes the Linux kernel hold the present process: for good, against native code too, and without any privilege.

Three walls, each of which the process cannot take down again:

- seccomp (`man 2 seccomp`): a list of the system calls that computing and reading need; every other call fails
  with EPERM, so there is no network, no new process, no signal, no change to any file;
- Landlock (`man 7 landlock`): files are read below the interpreter's libraries and the empty working folder only;
- resource limits (`man 2 setrlimit`): memory, processor time, size of files (0), open files, core dumps (0).

This module runs in a bare interpreter that should start in milliseconds: it imports nothing heavy, nor anything of
clbench.
"""

from __future__ import annotations

import ctypes
import errno
import os
import resource
import struct
import sys
from collections.abc import Iterator

# System calls of x86-64 (`arch/x86/entry/syscalls/syscall_64.tbl`) that touch nothing outside the process.
_ALLOWED = {
    "read": 0, "write": 1, "close": 3, "stat": 4, "fstat": 5, "lstat": 6, "poll": 7, "lseek": 8, "mmap": 9,
    "mprotect": 10, "munmap": 11, "brk": 12, "rt_sigaction": 13, "rt_sigprocmask": 14, "rt_sigreturn": 15,
    "pread64": 17, "readv": 19, "writev": 20, "access": 21, "select": 23, "sched_yield": 24, "mremap": 25,
    "madvise": 28, "dup": 32, "dup2": 33, "nanosleep": 35, "getpid": 39, "exit": 60, "uname": 63, "getcwd": 79,
    "readlink": 89, "gettimeofday": 96, "getrlimit": 97, "getrusage": 98, "sysinfo": 99, "times": 100,
    "getuid": 102, "getgid": 104, "geteuid": 107, "getegid": 108, "getppid": 110, "sigaltstack": 131,
    "gettid": 186, "time": 201, "futex": 202, "sched_getaffinity": 204, "getdents64": 217, "set_tid_address": 218,
    "restart_syscall": 219, "clock_gettime": 228, "clock_getres": 229, "clock_nanosleep": 230, "exit_group": 231,
    "newfstatat": 262, "readlinkat": 267, "faccessat": 269, "pselect6": 270, "ppoll": 271, "set_robust_list": 273,
    "dup3": 292, "getrandom": 318, "statx": 332, "rseq": 334, "faccessat2": 439,
}  # fmt: skip
_IOCTL, _FCNTL, _OPENAT, _PRLIMIT, _CLONE3 = 16, 72, 257, 302, 435
_TERMINAL_ASKED, _NOT_INHERITED, _INHERITED = 0x5401, 0x5451, 0x5450  # TCGETS, FIOCLEX, FIONCLEX
_DUPLICATE, _GET_FLAGS, _SET_FLAGS, _GET_STATUS, _DUPLICATE_CLOSED = 0, 1, 2, 3, 1030  # never F_SETOWN: it signals
_WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND | 0o20000000  # the last is __O_TMPFILE

_ALLOW, _KILL, _FAIL = 0x7FFF0000, 0x80000000, 0x00050000  # what a filter returns; the error number is added to _FAIL
_LOAD, _EQUAL, _ANY_BIT, _RETURN = 0x20, 0x15, 0x45, 0x06  # classic BPF: ld abs, jeq, jset, ret
_X86_64 = 0xC000003E  # AUDIT_ARCH_X86_64
_SET_NO_NEW_PRIVILEGES, _SET_SECCOMP, _DIE_WITH_PARENT = 38, 22, 1  # prctl
_CREATE_RULESET, _ADD_RULE, _RESTRICT_SELF = 444, 445, 446  # Landlock's system calls
_READ_FILE, _READ_FOLDER = 1 << 2, 1 << 3


def confine(*, folder: str, memory: int, cpu_seconds: int) -> None:
    """Confines this process; afterwards it can compute, read the interpreter's files and use what it has open.

    Args:
        folder: The working folder; it can be read.
        memory: Largest address space in bytes.
        cpu_seconds: Processor seconds; then comes SIGXCPU, and SIGKILL a second later.

    Raises:
        OSError: Something of it is missing here; the message says what. The process must then not go on.
    """
    if sys.platform != "linux" or os.uname().machine != "x86_64" or sys.maxsize < 2**32:
        raise OSError(f"it needs Linux on x86-64, and this is {sys.platform} on {os.uname().machine}")
    _limit(memory=memory, cpu_seconds=cpu_seconds)
    libc = ctypes.CDLL(None, use_errno=True)
    _call(libc.prctl, _DIE_WITH_PARENT, 9, 0, 0, 0, what="prctl")
    _call(libc.prctl, _SET_NO_NEW_PRIVILEGES, 1, 0, 0, 0, what="no_new_privs")
    _landlock(libc.syscall, readable=(*_libraries(), folder))
    _seccomp(libc.prctl)


def _limit(*, memory: int, cpu_seconds: int) -> None:
    """Sets resource limits. RLIMIT_NPROC counts other processes and does not bind root: the filter allows no thread."""
    wanted = {
        resource.RLIMIT_AS: (memory, memory),
        resource.RLIMIT_CPU: (cpu_seconds, cpu_seconds + 1),
        resource.RLIMIT_FSIZE: (0, 0),
        resource.RLIMIT_CORE: (0, 0),
        resource.RLIMIT_NOFILE: (64, 64),
    }
    for which, pair in wanted.items():
        hard = resource.getrlimit(which)[1]  # it can be lowered only
        resource.setrlimit(which, pair if hard == resource.RLIM_INFINITY else (min(pair[0], hard), min(pair[1], hard)))


def _libraries() -> tuple[str, ...]:
    """Where the standard library and the shared libraries under it are."""
    own = (os.path.dirname(os.__file__), f"{sys.base_prefix}/lib")  # noqa: PTH120 (pathlib is slow to import)
    return (*own, "/lib", "/lib64", "/usr/lib", "/usr/lib64", "/usr/local/lib", "/usr/share/zoneinfo", "/dev/urandom")


def _landlock(syscall: ctypes._NamedFuncPointer, *, readable: tuple[str, ...]) -> None:
    """Forbids every file but those below `readable`, and of these all but reading."""
    version = _call(syscall, _CREATE_RULESET, None, 0, 1, what="Landlock (Linux 5.13, switched on)")
    rights = (1 << {1: 13, 2: 14, 3: 15, 4: 15}.get(version, 16)) - 1
    fields = [rights, 0b11, 0b11][: 1 if version < 4 else 2 if version < 6 else 3]  # files; TCP; sockets and signals
    attributes = struct.pack(f"={len(fields)}Q", *fields)
    rules = _call(syscall, _CREATE_RULESET, attributes, len(attributes), 0, what="a Landlock ruleset")
    for path in filter(os.path.exists, readable):
        descriptor = os.open(path, os.O_PATH | os.O_CLOEXEC)
        allowed = _READ_FILE | (_READ_FOLDER if os.path.isdir(path) else 0)  # noqa: PTH112
        _call(syscall, _ADD_RULE, rules, 1, struct.pack("=Qi", allowed, descriptor), 0, what="a Landlock rule")
        os.close(descriptor)
    _call(syscall, _RESTRICT_SELF, rules, 0, what="Landlock")
    os.close(rules)


def _seccomp(prctl: ctypes._NamedFuncPointer) -> None:
    """Installs the filter."""
    steps = list(_filter())
    code = ctypes.create_string_buffer(b"".join(struct.pack("=HBBI", *step) for step in steps))
    program = ctypes.create_string_buffer(struct.pack("@HP", len(steps), ctypes.addressof(code)))
    _call(prctl, _SET_SECCOMP, 2, program, 0, 0, what="seccomp filters")


def _filter() -> Iterator[tuple[int, int, int, int]]:
    """The filter in classic BPF, as (code, jump if true, jump if false, constant)."""
    fail = (_RETURN, 0, 0, _FAIL | errno.EPERM)
    yield from [(_LOAD, 0, 0, 4), (_EQUAL, 1, 0, _X86_64), (_RETURN, 0, 0, _KILL), (_LOAD, 0, 0, 0)]
    for number in _ALLOWED.values():
        yield from [(_EQUAL, 0, 1, number), (_RETURN, 0, 0, _ALLOW)]
    yield from [(_EQUAL, 0, 1, _CLONE3), (_RETURN, 0, 0, _FAIL | errno.ENOSYS)]  # libraries then use clone, which fails
    yield from [(_EQUAL, 0, 4, _OPENAT), (_LOAD, 0, 0, 32), (_ANY_BIT, 0, 1, _WRITING), fail, (_RETURN, 0, 0, _ALLOW)]
    no_new_limit = [(_LOAD, 0, 0, 32), (_EQUAL, 0, 3, 0), (_LOAD, 0, 0, 36), (_EQUAL, 0, 1, 0), (_RETURN, 0, 0, _ALLOW)]
    yield from [(_EQUAL, 0, 6, _PRLIMIT), *no_new_limit, fail]
    for number, commands in (
        (_IOCTL, (_TERMINAL_ASKED, _NOT_INHERITED, _INHERITED)),
        (_FCNTL, (_DUPLICATE, _GET_FLAGS, _SET_FLAGS, _GET_STATUS, _DUPLICATE_CLOSED)),
    ):
        yield from [(_EQUAL, 0, 2 + 2 * len(commands), number), (_LOAD, 0, 0, 24)]
        for command in commands:
            yield from [(_EQUAL, 0, 1, command), (_RETURN, 0, 0, _ALLOW)]
        yield fail
    yield fail


def _call(function: ctypes._NamedFuncPointer, *arguments: object, what: str) -> int:
    """Calls into the C library; 64-bit integers, pointers and None."""
    result = function(*(ctypes.c_long(one) if isinstance(one, int) else one for one in arguments))
    if result < 0:
        raise OSError(ctypes.get_errno(), f"{what} is missing here ({os.strerror(ctypes.get_errno())})")
    return result
